"""Gateways: what they run, how it is packed, and how it gets there."""
