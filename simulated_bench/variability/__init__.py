"""Variability of cells and wires: programming error, drift, noise and random faults."""
