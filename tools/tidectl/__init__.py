"""The command line: deploys the stack, provisions things, runs boards, asks the store."""
