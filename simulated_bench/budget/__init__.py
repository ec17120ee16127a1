"""Error budget of a board: what its readings owe to each cause."""
