"""Circuit of a crossbar and its solvers: direct current, transient, alternating current."""
