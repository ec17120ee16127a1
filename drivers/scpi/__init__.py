"""SCPI over a link: formats, messages, replies, sessions, polling, error queue."""
