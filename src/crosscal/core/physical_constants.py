"""Physical constants in SI units."""

ZERO_CELSIUS_K = 273.15
"""0 °C, exact by the definition of the Celsius scale."""

BOLTZMANN_J_PER_K = 1.380649e-23
"""Exact by the definition of the kelvin (SI, 2019)."""

ELEMENTARY_CHARGE_C = 1.602176634e-19
"""Exact by the definition of the ampere (SI, 2019)."""

HOUR_S, DAY_S = 3_600.0, 86_400.0
"""Units accepted for use with the SI."""
