"""Training of networks for crossbars: quantised, with injected scatter, biased to favourable codes."""
