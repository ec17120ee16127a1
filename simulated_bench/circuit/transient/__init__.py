"""Transient solutions of the crossbar circuit."""
