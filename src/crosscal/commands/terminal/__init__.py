"""Output to people: progress, tables, Ctrl-C."""
