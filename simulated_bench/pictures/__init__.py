"""Pictures of boards and devices, and a board as one page."""
