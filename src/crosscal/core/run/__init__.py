"""Parts of a `run.h5`: its layout, the writer of a run, arrays of a run in memory and their checks."""
