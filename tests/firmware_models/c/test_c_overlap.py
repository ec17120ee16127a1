"""The engine in C stands the tests of the one in Python: `test_overlap`."""

from test_overlap import *  # noqa: F403
