"""Simulated boards that commands work on."""
