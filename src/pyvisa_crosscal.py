"""PyVISA finds its backend `@crosscal` by this module's name: `ResourceManager("bench.toml@crosscal")`."""

from crosscal.simulated_bench.visa_backend import CrosscalVisaLibrary as WRAPPER_CLASS

__all__ = ["WRAPPER_CLASS"]
