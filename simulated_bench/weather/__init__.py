"""What time and chance do to cells: programming error, drift, noise, faults."""
