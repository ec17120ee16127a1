"""One module per command of `crosscal`; here alone the rooms are joined."""
