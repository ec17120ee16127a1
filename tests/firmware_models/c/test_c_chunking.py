"""The engine in C stands the tests of the one in Python: `test_chunking`."""

from test_chunking import *  # noqa: F403
