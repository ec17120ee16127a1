"""The `concatsquash` calibrator: a network modulated by the matrix."""
