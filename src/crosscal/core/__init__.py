"""What all rooms share: errors, array types, the port, file formats, settings. Nothing here is heavy."""
