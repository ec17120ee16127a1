"""Status, metrics and the page of a daemon, over HTTP."""
