"""Devices that are not there: a small plant, and servers of the field protocols to read it by."""
