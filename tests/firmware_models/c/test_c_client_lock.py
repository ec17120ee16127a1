"""The engine in C stands the tests of the one in Python: `test_client_lock`."""

from test_client_lock import *  # noqa: F403
