"""Collecting, training and evaluating with progress, as several commands do it."""
