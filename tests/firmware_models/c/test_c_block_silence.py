"""The engine in C stands the tests of the one in Python: `test_block_silence`."""

from test_block_silence import *  # noqa: F403
