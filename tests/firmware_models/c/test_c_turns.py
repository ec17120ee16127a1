"""The engine in C stands those of `test_turns` that need no queue of messages, for it has no room for one."""

from test_turns import (  # noqa: F401
    test_a_message_is_never_cut_in_two_by_another_client,
)
