"""Training on a chip: errors and gradients through the crossbars, updates by pulses."""
