"""Studies of networks on crossbars: published figures, and figures of our own."""
