"""Small-signal solutions of the crossbar circuit, by frequency."""
