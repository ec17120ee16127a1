"""Clients that are answered in turns, and the first line of `*IDN?`: one client must not stop the others."""

from __future__ import annotations

from dataclasses import replace

from engine_rig import EngineRig
from reference_board import FACTS, ReferenceBoard
from support.fake_hardware import FakeHardware

QUERIES = 1000


def test_a_client_with_thousands_of_queries_lets_others_have_their_turn() -> None:
    rig = EngineRig()
    greedy, other = rig.open_link(), rig.open_link()
    greedy.send(b"ARR:SIZE?\n" * QUERIES)
    answered = greedy.session.transmit().count(b"\n")
    assert 0 < answered < QUERIES / 10
    assert other.ask("*OPC?") == "1"
    rig.run()
    assert answered + greedy.session.transmit().count(b"\n") == QUERIES


def test_every_client_gets_on_in_each_turn() -> None:
    rig = EngineRig()
    links = [rig.open_link() for _ in range(3)]
    for link in links:
        link.send(b"ARR:SIZE?\n" * QUERIES)
    for _ in range(5):
        before = [link.session.pending for link in links]
        assert rig.instrument.poll()
        assert all(link.session.pending > done for link, done in zip(links, before, strict=True))


def test_a_message_is_never_cut_in_two_by_another_client() -> None:
    rig = EngineRig()
    one, two = rig.open_link(), rig.open_link()
    one.send(b";".join([b"SENS:AVER:COUN 3", *[b":SENS:AVER:COUN?"] * QUERIES]) + b"\n")
    two.send(b"SENS:AVER:COUN 4\n")
    rig.run()
    assert set(one.session.transmit().strip().split(b";")) == {b"3"}


class CoarseBoard(ReferenceBoard):
    """A board whose shortest integration time does not divide a millisecond."""

    def round_aperture(self, aperture_s: float) -> float:
        return max(1, round(aperture_s / 0.3e-3)) * 0.3e-3


def test_the_aperture_at_power_on_and_after_a_reset_is_one_that_the_hardware_has() -> None:
    link = EngineRig(hardware=CoarseBoard()).open_link()
    for message in (
        "SENS:CURR:APER?",
        "SENS:CURR:APER 0.5;APER 2e-3;*RST;:SENS:CURR:APER?",
        "SENS:CURR:APER? DEF",
    ):
        assert float(link.ask(message)) == 3 * 0.3e-3


def test_the_identity_has_four_fields_whatever_stands_in_them() -> None:
    facts = replace(FACTS, manufacturer="Müller; Söhne", model="CB,64", serial="", firmware="1\n2")
    link = EngineRig(hardware=FakeHardware(facts)).open_link()
    assert link.ask("*IDN?") == "M ller S hne,CB 64,0,1 2"
