"""Whoever uses the board after the driver finds the data format that was there before it."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from engine_link import EngineLink, board_on_paper
from paper_board import PaperBoard

from crosscal.core.errors import BoardTimeoutError
from crosscal.firmware_models import Instrument

MATRIX = np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])


def ask(link: EngineLink, message: bytes) -> bytes:
    """Another client's question, over a link of its own."""
    link.reopen()
    link.send(message + b"\n", 1.0)
    return link.receive(None, 1.0)


@pytest.mark.parametrize(
    ("form", "order"),
    [(b"ASC,17", b"NORM"), (b"ASC,17", b"SWAP"), (b"REAL,32", b"NORM"), (b"REAL,64", b"SWAP")],
)
def test_closing_brings_back_the_format_found_at_opening(form: bytes, order: bytes) -> None:
    link = EngineLink(Instrument(PaperBoard()))
    ask(link, b":FORM " + form + b";:FORM:BORD " + order + b";:FORM?")
    with board_on_paper(instrument=link.instrument) as (board, link, _):
        board.program(MATRIX)
        board.measure([0.1, 0.2, 0.3])
        assert board.settings()["FORM"] == "REAL,64"
    assert ask(link, b":FORM?;:FORM:BORD?") == form + b";" + order + b"\n"


def test_a_format_that_is_as_it_was_is_not_set() -> None:
    with board_on_paper() as (board, link, _):
        assert board.temperature_c == 25.0
    assert not [message for message in link.sent if b":FORM ASC" in message]


def test_a_format_that_cannot_be_restored_is_logged_and_the_board_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with board_on_paper() as (board, link, _):
        board.measure([0.1, 0.2, 0.3])

        def be_silent(message: bytes) -> None:
            if message.startswith(b":SYST:ERR:ALL?;:FORM ASC,17"):
                raise BoardTimeoutError("silence")

        link.on_send = be_silent
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "ENGINE: the data format could not be restored: silence")
    ]
    assert not link.instrument.settings.output_on
