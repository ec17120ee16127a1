"""The `structured` calibrator: a circuit with learned parameters, inverted through a surrogate."""
