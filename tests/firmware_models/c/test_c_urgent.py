"""The engine in C stands the tests of the one in Python: `test_urgent`."""

from test_urgent import *  # noqa: F403
