"""A calibrator of one programmed matrix as a C99 header, and as a shared library."""
