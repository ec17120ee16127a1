"""Networks on crossbars: read, mapped, trained, planned, run and reported."""
