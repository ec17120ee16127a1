"""Training: plan, trainer, state, checkpoints and export."""
