"""The board as an instrument: PyVISA backend, TCP, pseudo-terminal."""
