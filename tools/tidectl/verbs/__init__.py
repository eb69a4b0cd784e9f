"""One verb of `tidectl` a file, each with its `command`."""
