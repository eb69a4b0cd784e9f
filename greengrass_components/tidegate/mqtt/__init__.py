"""Devices that publish to a broker beside the gateway, bridged to the cloud."""
