"""The engine in C stands the tests of the one in Python: `test_whole_numbers`."""

from test_whole_numbers import *  # noqa: F403
