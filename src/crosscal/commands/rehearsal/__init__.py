"""Rehearsal of the daemon: its upkeep and a simulated board on one accelerated clock."""
