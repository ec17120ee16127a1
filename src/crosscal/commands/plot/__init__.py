"""Pictures of a simulated board and of its devices."""
