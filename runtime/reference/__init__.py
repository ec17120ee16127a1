"""Reference conditions of a board: current range and temperature that readings are referred to."""
