"""Messages through PyVISA: blocks, terminations, replies that nobody fetched, sessions and threads."""

import threading
import time

import numpy as np
import pytest
import pyvisa
from pyvisa.constants import (
    StatusCode,
)
from visa_rig import EVERY_WAY, GPIB, MESSAGE_BASED, SOCKET, STREAMS, TCP, USB, code_of, errors, opened

from crosscal.simulated_bench import PoweredBoard


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_a_block_with_every_byte_in_it_comes_and_goes_whole(manager, resource):
    instrument = opened(manager, resource, chunk_size=64)
    instrument.write("FORM REAL,64;FORM:BORD SWAP")
    # Doubles inside the board's limits of which some byte is each of 0…255, newline included.
    bits = np.frombuffer(np.float64(50e-6).tobytes(), dtype=np.uint8).copy()
    rows = []
    for k in range(45):
        bits[:6] = [(6 * k + m) % 256 for m in range(6)]
        rows.append(np.frombuffer(bits.tobytes(), dtype=np.float64)[0])
    target_s = np.array(rows)
    assert b"\n" in target_s.tobytes()
    instrument.write_binary_values("ARR:COND:TARG ", target_s, datatype="d", is_big_endian=False)
    answered = instrument.query_binary_values("ARR:COND:TARG?", datatype="d", container=np.array)
    assert (answered == target_s).all()
    assert errors(instrument) == '0,"No error"'


@pytest.mark.parametrize("resource", [TCP, SOCKET, USB, GPIB])
def test_a_block_is_read_whole_without_a_termination_character(manager, resource):
    instrument = opened(manager, resource, read_termination=None)
    instrument.write("FORM REAL,64")
    assert len(instrument.query_binary_values("ARR:COND:TARG?", datatype="d", is_big_endian=True)) == 45


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_pyvisas_own_terminations_work(manager, resource):
    instrument = manager.open_resource(resource)
    assert instrument.query("ARR:SIZE?").strip() == "5,9"


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_reading_nothing_times_out_after_the_set_time(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    begun_s = time.monotonic()
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.read()
    assert code_of(caught) is StatusCode.error_timeout
    assert 0.05 < time.monotonic() - begun_s < 2.0
    assert instrument.query("ARR:SIZE?") == "5,9"


@pytest.mark.parametrize("resource", MESSAGE_BASED)
def test_reading_unasked_is_query_unterminated_once(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    with pytest.raises(pyvisa.VisaIOError):
        instrument.read()
    reported = errors(instrument)
    assert reported.count("-420") == 1
    assert reported.count(",") == 1


@pytest.mark.parametrize("resource", STREAMS)
def test_on_a_stream_reading_unasked_is_no_error_of_the_board(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    with pytest.raises(pyvisa.VisaIOError):
        instrument.read()
    assert errors(instrument) == '0,"No error"'


@pytest.mark.parametrize("resource", MESSAGE_BASED)
@pytest.mark.parametrize("read_termination", ["\n", None])
def test_a_reply_left_half_unread_is_interrupted_by_the_next_message(manager, resource, read_termination):
    instrument = opened(manager, resource, read_termination=read_termination)
    instrument.write("*IDN?")
    assert instrument.read_bytes(5) == b"cross"
    assert instrument.query("ARR:SIZE?").strip() == "5,9"
    assert "-410" in errors(instrument)


@pytest.mark.parametrize("resource", STREAMS)
def test_queries_may_be_pipelined_on_a_stream(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("*IDN?\nARR:SIZE?")
    assert [instrument.read(), instrument.read()] == ["crosscal,CB1,T59,1.0", "5,9"]
    assert errors(instrument) == '0,"No error"'


def test_sessions_have_output_queues_of_their_own(manager):
    one, two = opened(manager), opened(manager)
    one.write("*IDN?")
    two.write("ARR:SIZE?")
    assert two.read() == "5,9"
    assert one.read() == "crosscal,CB1,T59,1.0"


ANSWERS = {
    "*IDN?": "crosscal,CB1,T59,1.0",
    "ARR:SIZE?": "5,9",
    "SYST:VERS?": "1999.0",
    "SYST:CAP?": "PROG,READBACK,SEQ,TEMP,SIM,AGE,LOCK",
    "DIAG:ADC:INFO?;:ARR:SIZE?": "48,1.0,1E-06;5,9",
}
"""Questions and their answers, all different, so that a reply that went astray shows."""


def ask_in_threads(count, times, ask):
    """Let threads ask the questions in orders of their own, and collect the wrong answers."""
    wrong = []

    def work(thread):
        questions = list(ANSWERS) * times
        np.random.default_rng(thread).shuffle(questions)
        for question in questions:
            answer = ask(thread, question)
            if answer != ANSWERS[question]:
                wrong.append((thread, question, answer))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_threads_with_sessions_of_their_own_get_their_own_replies(manager):
    sessions = [opened(manager, resource) for resource in EVERY_WAY]
    ask_once = {question: sessions[0].query(question) for question in ANSWERS}
    assert ask_once == ANSWERS
    assert ask_in_threads(len(EVERY_WAY), 250, lambda k, question: sessions[k].query(question)) == []


def test_one_session_may_be_shared_by_threads_that_take_turns(manager):
    instrument, turn = opened(manager), threading.Lock()

    def ask(thread, question):
        del thread
        with turn:
            return instrument.query(question)

    assert ask_in_threads(3, 60, ask) == []


def test_a_reader_is_woken_by_another_threads_trigger(manager):
    """A read that waits does not keep the board to itself."""
    reader, trigger = opened(manager, timeout=60_000), opened(manager, GPIB)
    reader.write("TRIG:SOUR BUS;:INIT;*OPC?")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(reader.read()))
    thread.start()
    assert trigger.query("STAT:OPER:COND?") == "32"
    trigger.assert_trigger()
    thread.join(60)
    assert answers == ["1"]
    assert errors(trigger) == '0,"No error"'


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_a_stalled_reply_times_out_rather_than_passing_for_whole(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    instrument.write("SIM:FAUL:LINK STAL")
    instrument.write("*IDN?")
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.read()
    assert code_of(caught) is StatusCode.error_timeout


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_asking_again_and_again_whether_it_measures_comes_to_an_end(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("SOUR:SEQ:DATA " + ",".join(["0.1"] * 5 * 500))
    instrument.write("INIT")
    answers = [instrument.query("STAT:OPER:COND?")]
    while answers[-1] != "0":
        answers.append(instrument.query("STAT:OPER:COND?"))
        assert len(answers) < 100
    assert answers[0] == "16"


def test_the_board_works_while_its_client_sleeps(manager):
    now_s = [0.0]
    manager.visalib.board = PoweredBoard(manager.visalib.board.bench, clock=lambda: now_s[0])
    instrument = opened(manager)
    instrument.write("SOUR:SEQ:DATA " + ",".join(["0.1"] * 5 * 500))
    instrument.write("INIT")
    assert instrument.query("STAT:OPER:COND?") == "16"
    now_s[0] += 1.0
    assert instrument.query("STAT:OPER:COND?") == "0"


def test_infinite_timeouts_are_waited_out(manager):
    instrument = opened(manager, timeout=None)
    assert instrument.query("*OPC?") == "1"
