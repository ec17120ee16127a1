"""`crosscal conformance`: a board put through the contract."""
