"""Siemens S7 controllers: data blocks, markers, inputs and outputs over ISO-on-TCP."""
