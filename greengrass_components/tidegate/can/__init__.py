"""CAN: frames decoded by a DBC file, and J1939 with its messages of more than eight bytes."""
