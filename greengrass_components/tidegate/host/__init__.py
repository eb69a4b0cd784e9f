"""The gateway's own machine as a device."""
