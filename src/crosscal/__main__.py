"""`python -m crosscal` is the same as `crosscal`."""

from crosscal.command_line import main

main()
