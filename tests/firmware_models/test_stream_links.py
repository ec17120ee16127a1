"""A client's stream of bytes: what breaks on it is that client's loss."""

from __future__ import annotations

import socket

import pytest
from engine_rig import EngineRig

from crosscal.firmware_models.serving.stream_link import StreamLink
from crosscal.firmware_models.serving.tcp_port import TcpStream

IDENTITY = b"crosscal,REFERENCE,REF32,1.0\n"


def test_connection_that_breaks_while_its_bytes_are_taken_is_that_clients_loss_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = EngineRig()
    link = rig.open_link()
    with socket.create_server(("127.0.0.1", 0)) as port, socket.create_connection(port.getsockname()) as near:
        stream = TcpStream(port.accept()[0], "client")

        def broken() -> None:
            raise ConnectionResetError

        monkeypatch.setattr(stream, "acknowledge", broken)
        leaving = StreamLink(stream, rig.instrument.open_session(message_based=False))
        near.sendall(b"*ESE 4\n")
        leaving.receive()
        assert leaving.finished
        leaving.close()
    assert link.ask("*IDN?").encode() + b"\n" == IDENTITY
