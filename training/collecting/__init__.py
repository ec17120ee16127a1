"""Collection of runs: many matrices and their vectors, measured and recorded."""
