"""BACnet/IP: changes of value, and many properties in one request."""
