"""Vectors in, currents out: good ones, bad ones, many of them, and beside other clients."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
from engine_link import EngineLink, board_on_paper
from paper_board import PaperBoard, groups_without

from crosscal.core.errors import BoardError, RangeError, ReadingError, ScpiError, ShapeError
from crosscal.core.readout import Status
from crosscal.drivers import Board, acquisition

MATRIX = np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])
VECTOR = np.array([0.1, -0.2, 0.3])


def codes(conditions: tuple) -> list[int]:
    return [condition.code for condition in conditions]


def other_client(link: EngineLink, message: str) -> bytes:
    """Another client of the same board says something; its reply, if any, is returned."""
    session = link.instrument.open_session(message_based=False)
    session.receive(message.encode() + b"\n")
    return session.transmit()


def output_is_on(link: EngineLink) -> bool:
    return link.instrument.settings.output_on


# Shapes


def test_one_vector_gives_one_row_of_currents_and_a_batch_gives_a_batch() -> None:
    with board_on_paper() as (board, _, _):
        board.program(MATRIX)
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX, rtol=1e-12)
        assert board.measure(VECTOR).shape == (2,)
        assert board.measure(VECTOR[np.newaxis]).shape == (1, 2)
        assert board.measure(np.tile(VECTOR, (4, 1))).shape == (4, 2)
        assert board.measure(VECTOR.tolist()).shape == (2,)
        assert board.read(VECTOR).current_a.shape == board.read(VECTOR).status.shape == (1, 2)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("vectors", [[0.1, 0.2], np.zeros((0, 3)), np.zeros((2, 2)), [0.1, np.nan, 0.1]])
def test_vectors_that_do_not_fit_are_refused_before_anything_is_sent(vectors: object) -> None:
    with board_on_paper() as (board, link, _):
        board.measure(VECTOR)
        before = len(link.sent)
        with pytest.raises((ShapeError, RangeError)):
            board.measure(vectors)  # pyright: ignore[reportArgumentType]  (that is the test)
        assert len(link.sent) == before
        assert output_is_on(link)


def test_a_voltage_beyond_the_protection_is_refused_before_it_is_sent() -> None:
    with board_on_paper() as (board, link, paper):
        with pytest.raises(RangeError, match=r"up to 0\.7 V in magnitude; allowed: 0\.6 V"):
            board.measure([0.1, -0.7, 0.1])
        assert not any(b"SOUR:SEQ:DATA" in message for message in link.sent)
        assert paper.driven_v == []


def test_a_protection_that_another_client_raises_counts_at_once() -> None:
    with board_on_paper() as (board, link, paper):
        board.measure(VECTOR)
        other_client(link, "SOUR:VOLT:PROT 0.8")
        board.measure([0.1, -0.7, 0.1])
        assert paper.driven_v[-1] == [0.1, -0.7, 0.1]


def test_a_protection_that_another_client_lowers_counts_at_once() -> None:
    with board_on_paper() as (board, link, paper):
        board.measure([0.5, 0.5, 0.5])
        other_client(link, "SOUR:VOLT:LIST 0,0,0;:SOUR:VOLT:PROT 0.2")
        with pytest.raises(RangeError, match=r"0\.2 V, the board's protection voltage"):
            board.measure([0.5, 0.5, 0.5])
        board.measure([0.2, 0.2, 0.2])
        assert paper.driven_v[-1] == [0.2, 0.2, 0.2]


def test_a_protection_that_another_client_lowers_at_the_last_moment_is_kept_by_the_board() -> None:
    def interfere(message: bytes) -> None:
        if b":SOUR:SEQ:DATA" in message:
            other_client(link, "SOUR:VOLT:PROT 0.2")

    with board_on_paper() as (board, link, paper):
        link.on_send = interfere
        with pytest.raises(ScpiError, match="-222"):
            board.measure([0.5, 0.5, 0.5])
        assert not output_is_on(link)
        assert paper.driven_v == []


# Bad readings


def test_a_saturated_column_is_read_with_its_status_and_never_measured_as_a_number() -> None:
    with board_on_paper() as (board, _, _):
        board.program(np.full((3, 2), [1e-3, 1e-4]))
        board.range_a = 1e-3
        vectors = [[0.1, 0.1, 0.1], [-0.5, -0.5, -0.5]]
        readout = board.read(vectors)
        assert readout.status.tolist() == [[0, 0], [Status.OVER_RANGE, 0]]
        assert readout.current_a[1, 0] == pytest.approx(-1e-3, rel=1e-6)
        assert readout.range_a == 1e-3
        assert codes(readout.conditions) == [102]
        with pytest.raises(ReadingError, match=r"1 of 4 readings over range \(columns 1"):
            board.measure(vectors)
        # Without saturation nothing lingers.
        assert codes(board.read(vectors[0]).conditions) == []
        board.measure(vectors[0])


def test_an_amplifier_fault_is_nan_with_its_status_bit() -> None:
    with board_on_paper() as (board, _, _):
        board.program(MATRIX)
        board.simulation.fault_amplifier(2)
        readout = board.read(VECTOR)
        assert np.isnan(readout.current_a).tolist() == [[False, True]]
        assert readout.status.tolist() == [[0, Status.AMPLIFIER_FAULT]]
        assert codes(readout.conditions) == [-240]
        with pytest.raises(ReadingError, match="without a working amplifier"):
            board.measure(VECTOR)


@pytest.mark.parametrize(("what", "code"), [("over_temperature", 103), ("hardware_error", -240)])
def test_a_complaint_without_a_status_bit_is_information_for_read_and_an_error_for_measure(
    what: str, code: int
) -> None:
    with board_on_paper() as (board, _, paper):
        board.program(MATRIX)
        setattr(paper, what, True)
        readout = board.read(VECTOR)
        assert codes(readout.conditions) == [code]
        assert readout.usable.all()
        with pytest.raises(ReadingError, match=str(code)):
            board.measure(VECTOR)
        setattr(paper, what, False)
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX)


def test_what_another_clients_acquisition_queued_is_not_blamed_on_ours() -> None:
    with board_on_paper() as (board, link, paper):
        board.program(MATRIX)
        paper.over_temperature = True
        link.say("INIT")
        while link.instrument.poll():
            pass
        paper.over_temperature = False
        board.aperture_s = 2e-3
        link.say("INIT")
        while link.instrument.poll():
            pass
        assert codes(board.read(VECTOR).conditions) == []


def test_another_clients_mistake_is_not_blamed_on_us_but_logged(caplog: pytest.LogCaptureFixture) -> None:
    with board_on_paper() as (board, link, _):
        link.say("NONSENSE")
        with caplog.at_level(logging.WARNING):
            board.measure(VECTOR)
        assert "-113" in caplog.text


# Many vectors


@pytest.mark.parametrize("count", [1, 9, 10, 11, 25])
def test_more_vectors_than_a_sequence_holds_are_split_and_come_back_in_order(count: int) -> None:
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        vectors = np.random.default_rng(count).uniform(-0.5, 0.5, (count, 3))
        assert np.allclose(board.measure(vectors), vectors @ MATRIX, rtol=1e-9)
        loads = [message for message in link.sent if b":SOUR:SEQ:DATA" in message]
        assert len(loads) == -(-count // 10)


def test_readouts_of_a_split_batch_keep_every_complaint_and_the_largest_range() -> None:
    with board_on_paper() as (board, _, _):
        board.program(np.full((3, 2), 1e-3))
        vectors = np.full((11, 3), 1e-3)
        vectors[3] = 0.2
        assert board.read(vectors).range_a == 1e-3
        board.range_a = 1e-5
        readout = board.read(vectors)
        assert codes(readout.conditions) == [102]
        assert (readout.status[:, 0] == 1).tolist() == [row == 3 for row in range(11)]


def test_results_are_pulled_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquisition, "_PIECE_NUMBERS", 8)
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        vectors = np.random.default_rng(1).uniform(-0.5, 0.5, (10, 3))
        assert np.allclose(board.measure(vectors), vectors @ MATRIX, rtol=1e-9)
        pulled = [
            message.split(b":TRAC:DATA? ")[1].split(b";")[0]
            for message in link.sent
            if b":TRAC:DATA" in message
        ]
        assert pulled == [b"1,4", b"5,4", b"9,2"]


def test_pieces_are_smaller_on_a_slow_line() -> None:
    with board_on_paper() as (board, link, _):
        link.bytes_per_s = 40.0
        board.measure(np.zeros((10, 3)))
        pulled = [
            message.split(b":TRAC:DATA? ")[1].split(b";")[0]
            for message in link.sent
            if b":TRAC:DATA" in message
        ]
        # Two seconds at 40 bytes per second are 8 readings of 10 bytes: 4 vectors.
        assert pulled == [b"1,4", b"5,4", b"9,2"]


def test_a_load_is_bounded_whatever_a_sequence_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquisition, "_LOAD_NUMBERS", 10)
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        vectors = np.random.default_rng(2).uniform(-0.5, 0.5, (7, 3))
        assert np.allclose(board.measure(vectors), vectors @ MATRIX, rtol=1e-9)
        assert sum(b":SOUR:SEQ:DATA" in message for message in link.sent) == 3


def test_a_piece_is_at_least_one_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquisition, "_PIECE_NUMBERS", 1)
    with board_on_paper() as (board, _, _):
        assert board.measure(np.zeros((3, 3))).shape == (3, 2)


def test_a_board_without_sequences_measures_vector_by_vector() -> None:
    with board_on_paper(PaperBoard(capabilities=groups_without("SEQ"))) as (board, link, paper):
        board.program(MATRIX)
        vectors = np.random.default_rng(1).uniform(-0.5, 0.5, (4, 3))
        assert np.allclose(board.measure(vectors), vectors @ MATRIX, rtol=1e-9)
        assert sum(b":INIT" in message for message in link.sent) == 4
        assert [vector for vector in paper.driven_v if any(vector)][-1] == pytest.approx(vectors[-1])


def test_the_sequence_is_unloaded_so_that_others_find_the_board_as_it_was() -> None:
    with board_on_paper() as (board, link, _):
        board.measure(np.zeros((3, 3)))
        assert other_client(link, "SOUR:SEQ:POIN?") == b"0\n"


# Beside other clients


@pytest.mark.parametrize("setting", ["FORM ASC", "FORM REAL,32", "FORM:BORD NORM", "*RST", "TRIG:SOUR BUS"])
def test_other_clients_may_set_what_they_like_between_any_two_messages(setting: str) -> None:
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        # *RST also unloads a sequence that is about to be measured: only before it is loaded.
        before = b":SOUR:SEQ:DATA" if setting == "*RST" else b""
        link.on_send = lambda message: other_client(link, setting) if before in message else None
        assert np.allclose(board.measure([VECTOR, -VECTOR]), np.array([VECTOR, -VECTOR]) @ MATRIX, rtol=1e-9)
        assert np.array_equal(board.target_s, MATRIX)
        assert np.array_equal(board.read_conductance(), MATRIX)
        board.program(2e-6 + MATRIX)
        assert np.array_equal(board.target_s, 2e-6 + MATRIX)


def test_outputs_that_another_client_switches_off_are_noticed_and_never_read_as_currents() -> None:
    def interfere(message: bytes) -> None:
        if b":INIT" not in message:
            other_client(link, "OUTP OFF")

    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        link.on_send = interfere
        with pytest.raises(BoardError, match="got 0 vectors measured; allowed: 2"):
            board.measure([VECTOR, -VECTOR])
        link.on_send = lambda _: None
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX, rtol=1e-9)


def test_a_client_that_loads_its_own_sequence_meanwhile_is_noticed() -> None:
    def interfere(message: bytes) -> None:
        if b":INIT" in message:
            other_client(link, "FORM ASC;:SOUR:SEQ:DATA 0,0,0,0.1,0.1,0.1,0.2,0.2,0.2")

    with board_on_paper() as (board, link, _):
        link.on_send = interfere
        with pytest.raises(BoardError, match="got 3 vectors measured; allowed: 2"):
            board.measure(np.zeros((2, 3)))
        assert not output_is_on(link)


def test_a_client_that_measures_meanwhile_keeps_its_acquisition() -> None:
    def interfere(message: bytes) -> None:
        if b":INIT" in message:
            other_client(link, "TRIG:SOUR BUS;:INIT")

    with board_on_paper() as (board, link, _):
        link.on_send = interfere
        with pytest.raises(ScpiError) as raised:
            board.measure(VECTOR)
        assert raised.value.code == -213
        assert link.instrument.operations.measuring
        assert not output_is_on(link)


def test_threads_that_measure_and_set_at_once_get_their_own_results() -> None:
    with board_on_paper() as (board, _, _):
        board.program(MATRIX)
        wrong: list[object] = []

        def measure(seed: int) -> None:
            rng = np.random.default_rng(seed)
            for _ in range(15):
                vectors = rng.uniform(-0.5, 0.5, (int(rng.integers(1, 6)), 3))
                if not np.allclose(board.measure(vectors), vectors @ MATRIX, rtol=1e-9):
                    wrong.append(vectors)
                board.averages = 3 + seed
                if board.averages not in (3, 4, 5):
                    wrong.append(seed)

        threads = [threading.Thread(target=measure, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


# Time


def reading_timeout(board: Board, link: EngineLink, vectors: np.ndarray) -> float:
    """The longest wait while these vectors were measured."""
    link.timeouts_s.clear()
    board.read(vectors)
    return max(link.timeouts_s)


def test_the_wait_grows_with_aperture_averages_dwell_and_vectors() -> None:
    with board_on_paper() as (board, link, _):
        board.range_a = 1e-2
        short_s = reading_timeout(board, link, np.zeros((1, 3)))
        assert short_s < 1.1
        board.aperture_s, board.averages, board.dwell_s = 0.5, 100, 1.0
        one_s = reading_timeout(board, link, np.zeros((1, 3)))
        assert one_s == pytest.approx(1.0 + 2 * (0.5 * 100 + 1.0), abs=0.1)
        assert reading_timeout(board, link, np.zeros((5, 3))) == pytest.approx(1.0 + 5 * 2 * 51.0, abs=0.1)
        board.range_auto = True
        assert reading_timeout(board, link, np.zeros((5, 3))) == pytest.approx(
            1.0 + 4 * 5 * 2 * 51.0, abs=0.1
        )


def test_reading_every_cell_back_is_given_the_time_of_as_many_readings() -> None:
    with board_on_paper() as (board, link, _):
        board.range_a = 1e-2
        board.aperture_s = 1.0
        link.timeouts_s.clear()
        board.read_conductance()
        assert max(link.timeouts_s) == pytest.approx(1.0 + 6 * 2 * 1.0, abs=0.1)
