"""Servers of a board: TCP, pseudo-terminals and in-process links; standard library only."""

from crosscal.firmware_models.serving.board_link import BoardLink, ReadEnd
from crosscal.firmware_models.serving.powered_board import PoweredBoard
from crosscal.firmware_models.serving.server import BoardServer, serve_pty, serve_tcp

__all__ = ["BoardLink", "BoardServer", "PoweredBoard", "ReadEnd", "serve_pty", "serve_tcp"]
