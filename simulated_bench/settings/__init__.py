"""Settings of a simulated board: the tables of a `bench.toml`."""
