"""Front end of a simulated board: drivers, amplifiers, converters, and their settling."""
