"""Devices whose energy can be read, one file a vendor."""
