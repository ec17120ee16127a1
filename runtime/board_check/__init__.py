"""First check of a board: wiring, sign, unit, linearity, noise, settling, ranges, read-back and rest."""
