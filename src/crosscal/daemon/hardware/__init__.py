"""Hardware as the firmware of the proxy sees it: the board below, and its currents calibrated."""
