"""Modbus: planning, decoding, the link, and the adapter."""
