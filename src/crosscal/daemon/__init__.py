"""Headless daemon: owns a board, calibrates every read, notices drift and repairs itself."""
