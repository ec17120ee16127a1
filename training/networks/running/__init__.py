"""Run of a mapped network on tiles, its score and report."""
