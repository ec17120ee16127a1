"""Shared base of all rooms: errors, array types, the port, file formats, settings. Nothing here is heavy."""
