"""The engine in C stands the tests of the one in Python: `test_sessions`."""

from test_sessions import *  # noqa: F403
