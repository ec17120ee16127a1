"""Jobs of an upkeep: each measures in small slices, between which clients are served."""
