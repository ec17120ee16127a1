"""PyVISA finds its backend `@crosscal` by this module's name: `ResourceManager("bench.toml@crosscal")`."""

from crosscal.core.errors import InputError, wanted

try:
    from crosscal.simulated_bench.instrument.visa_backend import CrosscalVisaLibrary as WRAPPER_CLASS
except ImportError as error:
    # PyVISA makes "no package named pyvisa_crosscal" of an ImportError, which sends the user the wrong way.
    raise InputError(
        wanted(
            got=f"the backend @crosscal, of which a part is missing ({error})",
            allowed="an installation with the simulated bench",
            remedy="install it with pip install 'crosscal[bench]'",
        )
    ) from error

__all__ = ["WRAPPER_CLASS"]
