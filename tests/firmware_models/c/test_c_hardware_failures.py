"""The engine in C stands the tests of the one in Python: `test_hardware_failures`."""

from test_hardware_failures import *  # noqa: F403
