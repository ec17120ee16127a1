"""Client links of the instrument: framing, execution of messages, output, service requests."""
