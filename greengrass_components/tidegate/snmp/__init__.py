"""SNMP: many objects in one request, and traps."""
