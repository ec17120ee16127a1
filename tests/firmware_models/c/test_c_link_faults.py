"""The engine in C stands the tests of the one in Python: `test_link_faults`."""

from test_link_faults import *  # noqa: F403
