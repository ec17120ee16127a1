"""Real sockets, treated badly: each case gets one clear error, and the board goes on being usable."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import numpy as np
import pytest
from hostile_server import IDENTITY, QUIET, HostileServer, close, reset, say

import crosscal
from crosscal.core.errors import BoardConnectionError, BoardError, BoardTimeoutError, IncompatibleBoardError
from crosscal.drivers import Board

PATIENT_S, IMPATIENT_S = 20.0, 0.25
"""For boards that answer, however busy the machine; and for what is to be waited for in vain."""
VECTOR = [0.1, 0.1, 0.1]


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as serving:
        yield serving


def open_board(server: HostileServer, *, timeout_s: float = PATIENT_S) -> Board:
    return crosscal.open_board(server.resource, backend="@py", timeout_s=timeout_s)


def ones(board: Board) -> bool:
    return board.measure(VECTOR).tolist() == [1.0, 1.0]


def test_the_server_is_a_board_as_long_as_it_is_not_told_otherwise(server: HostileServer) -> None:
    with open_board(server) as board:
        assert board.identity == IDENTITY.decode()
        assert ones(board)
    assert server.received[-2:] == [
        b":SYST:ERR:ALL?;:OUTP OFF;:SYST:ERR:ALL?",
        b":SYST:ERR:ALL?;:FORM?;:FORM:BORD?;:SYST:ERR:ALL?",
    ]


# Opening


def test_a_port_that_refuses_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(BoardConnectionError, match="nothing answers there; check the resource name"):
        crosscal.open_board(f"TCPIP::127.0.0.1::{port}::SOCKET", backend="@py")


@pytest.mark.parametrize("port", ["102731", "65536", "0", "-1", "abc", "5025.0", "", "٣"])
def test_a_port_that_is_none_is_one_clear_error(port: str) -> None:
    with pytest.raises(BoardConnectionError, match=r"1 to 65535|no VISA resource name"):
        crosscal.open_board(f"TCPIP::127.0.0.1::{port}::SOCKET", backend="@py", timeout_s=IMPATIENT_S)


def test_a_backend_given_as_a_resource_is_told_where_it_belongs() -> None:
    with pytest.raises(BoardConnectionError, match=r"--backend b7\.toml@crosscal"):
        crosscal.open_board("b7.toml@crosscal", backend="@py", timeout_s=IMPATIENT_S)


@pytest.mark.parametrize("form", ["tcpip::127.0.0.1::{}::socket", "Tcpip0::127.0.0.1::{}::Socket"])
def test_resource_names_are_case_blind(server: HostileServer, form: str) -> None:
    name = form.format(server.resource.split("::")[2])
    with crosscal.open_board(name, backend="@py", timeout_s=PATIENT_S) as board:
        assert ones(board)


def test_a_host_that_does_not_exist_is_one_clear_error() -> None:
    with pytest.raises(BoardConnectionError, match=r"TCPIP::no-such-host\.invalid::5025::SOCKET"):
        crosscal.open_board("TCPIP::no-such-host.invalid::5025::SOCKET", backend="@py", timeout_s=IMPATIENT_S)


def test_a_port_that_answers_nothing_is_one_clear_error(server: HostileServer) -> None:
    server.when(b"*IDN?")
    with pytest.raises(BoardTimeoutError, match=r"nothing answers within 0\.25 s.*no other program holds it"):
        open_board(server, timeout_s=IMPATIENT_S)


def test_a_port_that_closes_at_once_is_one_clear_error(server: HostileServer) -> None:
    server.when(b"*IDN?", close)
    with pytest.raises(BoardConnectionError, match=r"closed the link; check .* one client only"):
        open_board(server)


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.2p1\r\n", b"220 ftp ready\r\n", b"\xff\xfd\x18\xff\xfd\x20\n"]
)
def test_a_server_of_another_kind_is_no_board(server: HostileServer, greeting: bytes) -> None:
    server.greeting = greeting
    server.when(b"*IDN?")
    with pytest.raises(IncompatibleBoardError, match="this is no crossbar test board"):
        open_board(server)


def test_an_instrument_of_another_kind_is_no_board_and_is_named(server: HostileServer) -> None:
    server.when(b":ARR:SIZE?", say(QUIET + b"\n"))
    server.when(b":SYST:ERR:ALL?", say(b'-113,"Undefined header"\n'))
    with pytest.raises(
        IncompatibleBoardError, match=r"'crosscal,HOSTILE,1,1\.0' in answer to \*IDN\?, .*-113"
    ):
        open_board(server)


def test_an_instrument_that_is_silent_where_a_board_answers_is_no_board(server: HostileServer) -> None:
    server.when(b":ARR:SIZE?")
    with pytest.raises(IncompatibleBoardError, match=r"and then nothing within 0\.25 s"):
        open_board(server, timeout_s=IMPATIENT_S)


def test_an_echo_is_no_board(server: HostileServer) -> None:
    server.when(b"*IDN?", say(b":SYST:VERS?;:SYST:VERS?;*IDN?\n"))
    with pytest.raises(IncompatibleBoardError):
        open_board(server)


@pytest.mark.parametrize(
    "size", [b"0,2", b"3", b"3,2,1", b"three,two", b"3.5,2", b"9.91E37,2", b'"3,2"', b"#13abc"]
)
def test_a_size_that_is_none_is_no_board(server: HostileServer, size: bytes) -> None:
    server.when(b":ARR:SIZE?", say(b";".join((QUIET, size, b"SEQ", QUIET)) + b"\n"))
    with pytest.raises(IncompatibleBoardError, match="this is no crossbar test board"):
        open_board(server)


@pytest.mark.parametrize(
    "facts",
    [
        b"1e-6;1;16,1,1e-6;100",
        b"2e-3,1e-3;1;16,1,1e-6;100",
        b"1e-6,1e-3;x;16,1,1e-6;100",
        b"1e-6,1e-3;1;16;100",
    ],
)
def test_facts_that_make_no_sense_are_no_board(server: HostileServer, facts: bytes) -> None:
    server.when(b":ARR:COND:LIM?", say(QUIET + b";" + facts + b";" + QUIET + b"\n"))
    with pytest.raises(IncompatibleBoardError, match="this is no crossbar test board"):
        open_board(server)


# In the middle of things

HALF_A_BLOCK = QUIET + b";1;1;0,0;#216\0\0\0\0\0\0\xf0\x3f"
PART = b":TRAC:DATA?"


def test_a_board_that_stops_in_the_middle_of_a_block_times_out_and_recovers(server: HostileServer) -> None:
    with open_board(server, timeout_s=IMPATIENT_S) as board:
        server.when(PART, say(HALF_A_BLOCK))
        with pytest.raises(BoardTimeoutError, match="timeout_s"):
            board.measure(VECTOR)
        assert server.received[-1] == b":SYST:ERR:ALL?;:ABOR;:OUTP OFF;:SYST:ERR:ALL?"
        assert ones(board)


@pytest.mark.parametrize("act", [close, reset])
@pytest.mark.parametrize("said", [b"", HALF_A_BLOCK])
def test_a_query_cut_by_a_lost_link_is_asked_again_on_a_new_one(
    server: HostileServer, act: object, said: bytes
) -> None:
    with open_board(server) as board:
        server.when(b":SOUR:VOLT:PROT?", say(said), act)  # pyright: ignore[reportArgumentType]  (an Act)
        assert board.protection_v == 0.6


def test_a_link_that_was_closed_between_two_calls_is_opened_anew(server: HostileServer) -> None:
    with open_board(server) as board:
        server.when(b":SOUR:SEQ:DATA", close)
        with pytest.raises(BoardConnectionError):
            board.measure(VECTOR)
        assert ones(board)


@pytest.mark.parametrize(
    "garbled",
    [
        HALF_A_BLOCK.replace(b"#216", b"#9999999999") + b"\n",
        HALF_A_BLOCK.replace(b"#216", b"#18") + b"\0\0\0\0\0\0\xf0\x3f;REAL,64;SWAP;" + QUIET + b"\n",
        HALF_A_BLOCK.replace(b"#216", b"#18") + b";REAL,64;SWAP;" + QUIET + b"\n",
        HALF_A_BLOCK.replace(b"#216", b"#A16") + b"\n",
        HALF_A_BLOCK.replace(b"0,0", b"0,x") + b"\0\0\0\0\0\0\xf0\x3f;REAL,64;SWAP;" + QUIET + b"\n",
        HALF_A_BLOCK + b"\0\0\0\0\0\0\xf0\x7f;REAL,64;SWAP;" + QUIET + b"\n",
        HALF_A_BLOCK + b"\0\0\0\0\0\0\xf0\x4f;REAL,64;SWAP;" + QUIET + b"\n",
        HALF_A_BLOCK + b"\0\0\0\0\0\0\xf0\x3f;REAL,64;SWAP;" + QUIET + b"\nmore\n",
        b"\x80\x81\x82\n",
        b"\n",
    ],
    ids=[
        "length",
        "too short",
        "other count",
        "header",
        "status",
        "infinity",
        "beyond range",
        "more",
        "noise",
        "empty",
    ],
)
def test_a_garbled_answer_is_an_error_and_the_next_is_right(server: HostileServer, garbled: bytes) -> None:
    with open_board(server) as board:
        server.when(PART, say(garbled))
        with pytest.raises(BoardError) as raised:
            board.measure(VECTOR)
        assert not isinstance(raised.value, BoardTimeoutError)
        assert ones(board)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(server: HostileServer) -> None:
    with open_board(server, timeout_s=IMPATIENT_S) as board:
        server.when(b":SOUR:VOLT:PROT?")
        with pytest.raises(BoardTimeoutError):
            _ = board.protection_v
        late = server._clients[-1]
        late.sendall(QUIET + b";0.9;" + QUIET + b"\n")
        assert board.protection_v == 0.6


def test_a_board_that_babbles_is_noticed_and_not_listened_to_for_ever(server: HostileServer) -> None:
    with open_board(server) as board:
        server.when(b":SOUR:VOLT:PROT?", say(QUIET + b";0.6;" + QUIET + b"\n" + bytes(1 << 22)))
        with pytest.raises(BoardError):
            _ = board.protection_v
        assert board.protection_v == 0.6


def test_a_format_that_another_client_changed_meanwhile_is_asked_for_again(server: HostileServer) -> None:
    big_endian = QUIET + b";1;1;0,0;#216" + 2 * b"\x3f\xf0\0\0\0\0\0\0" + b";REAL,64;NORM;" + QUIET + b"\n"
    text = QUIET + b";1;1;0,0;1,1;ASC,17;SWAP;" + QUIET + b"\n"
    with open_board(server) as board:
        server.when(PART, say(big_endian))
        server.when(PART, say(text))
        assert ones(board)
        for _ in range(3):
            server.when(PART, say(big_endian))
        with pytest.raises(BoardError, match="another client keeps changing it"):
            board.measure(VECTOR)


def test_a_board_that_loaded_something_else_is_not_started(server: HostileServer) -> None:
    with open_board(server) as board:
        server.when(b":SOUR:SEQ:POIN?", say(QUIET + b";2;" + QUIET + b"\n"))
        with pytest.raises(BoardError, match="got 2 vectors loaded; allowed: 1"):
            board.measure(VECTOR)
        assert not any(b":INIT" in message for message in server.received)


def test_a_board_that_never_finishes_is_stopped(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crosscal.drivers.acquisition._PATIENCE_S", 0.0)
    with open_board(server) as board:
        for _ in range(200):
            server.when(b":STAT:OPER:COND?", say(QUIET + b";16;0;" + QUIET + b"\n"))
        with pytest.raises(BoardTimeoutError, match=r"busy .* without getting on"):
            board.measure(VECTOR)
        assert server.received[-1] == b":SYST:ERR:ALL?;:ABOR;:OUTP OFF;:SYST:ERR:ALL?"


def test_a_link_that_stays_dead_raises_quickly_each_time(server: HostileServer) -> None:
    board = open_board(server)
    server.stop()
    for _ in range(3):
        with pytest.raises(BoardConnectionError):
            board.measure(VECTOR)
    board.close()


def test_nothing_on_the_wire_is_delayed_until_an_acknowledgement(server: HostileServer) -> None:
    with open_board(server) as board:
        link = board._session.link._link
        assert link._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), "1", None.__class__])
def test_an_impossible_timeout_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        crosscal.open_board("TCPIP::127.0.0.1::1::SOCKET", backend="@py", timeout_s=bad)  # pyright: ignore[reportArgumentType]


def test_numbers_of_the_board_are_plain_python(server: HostileServer) -> None:
    with open_board(server) as board:
        assert board.shape == (3, 2)
        assert all(type(size) is int for size in board.shape)
        assert all(type(limit) is float for limit in (*board.conductance_limits_s, *board.ranges_a))
        assert isinstance(board.measure(VECTOR), np.ndarray)
