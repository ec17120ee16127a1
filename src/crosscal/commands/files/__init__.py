"""Files that users name on the command line: arrays to read, outputs to write."""
