"""Commands that look at a daemon's store."""
