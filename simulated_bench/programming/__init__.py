"""Programming of a simulated array: write-verify, its pulses, and reading cells back."""
