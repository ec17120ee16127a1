"""Bayes risk of reading a crossbar: what the best of all estimates leaves, by draws from the posterior."""
