"""The `whitebox` calibrator: fitted constants of the circuit equations."""
