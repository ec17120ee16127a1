"""The circuit of a crossbar and its solvers: at rest, in time, by frequency."""
