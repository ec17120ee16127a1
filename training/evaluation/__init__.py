"""Evaluation of calibrators on measured runs: scores, report and pictures."""
