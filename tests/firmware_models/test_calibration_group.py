"""Group CAL (decision 25): calibrated currents for each client, bits 3 and 8, +105, the calibration."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import pytest
from engine_rig import EngineLink, EngineRig
from reference_board import ALL_GROUPS, FACTS
from support.fake_hardware import FakeHardware

from crosscal.firmware_models import Reading
from crosscal.firmware_models.numeric import NOT_A_NUMBER


class DoublingBoard(FakeHardware):
    """Calibrates by doubling; `helpless` are columns, counted from 0, that it cannot calibrate."""

    def __init__(self) -> None:
        super().__init__(replace(FACTS, capabilities=(*ALL_GROUPS, "CAL")), exact=True)
        self.helpless: set[int] = set()
        self.doubtful = False
        self.calibrated = 0
        self.age_s: float | None = None

    def measure(self, voltage_v: array[float], **settings: Any) -> Reading:
        reading = super().measure(voltage_v, **settings)
        bad = bytes(int(i % self.facts.columns in self.helpless) for i in range(len(reading.status)))
        doubled_a = (
            NOT_A_NUMBER if no else 2.0 * value for value, no in zip(reading.current_a, bad, strict=True)
        )
        return replace(
            reading,
            calibrated_a=array("d", doubled_a),
            uncalibrated=bad,
        )

    def deviations(self, current_a: array[float], status: bytes) -> array[float]:
        del current_a
        return array("d", [1e-9]) * len(status)

    def calibration_in_doubt(self) -> bool:
        return self.doubtful

    def calibrate(self) -> int:
        self.calibrated += 1
        return 0

    def calibration_age_s(self) -> float | None:
        return self.age_s


@pytest.fixture
def board() -> DoublingBoard:
    return DoublingBoard()


@pytest.fixture
def rig(board: DoublingBoard) -> EngineRig:
    return EngineRig(hardware=board)


@pytest.fixture
def link(rig: EngineRig) -> EngineLink:
    link = rig.open_link()
    link.tell("*CLS;:OUTP ON;:SENS:CURR:RANG 1e-3;:SOUR:VOLT:LIST 0.5,0.5,0.5")
    return link


def numbers(answer: str) -> list[float]:
    return [float(value) for value in answer.split(",")]


def test_each_client_chooses_for_itself(rig: EngineRig, link: EngineLink) -> None:
    other = rig.open_link()
    assert link.ask("CAL:STAT?") == other.ask("CAL:STAT?") == "1"
    other.tell("CALibration:STATe OFF")
    assert numbers(link.ask("READ?")) == [3e-6, 3e-6]
    assert numbers(other.ask("FETC?")) == [1.5e-6, 1.5e-6]
    assert link.ask("CAL:STAT?") == "1"


def test_trace_and_deviations_follow(link: EngineLink) -> None:
    link.tell("SOUR:SEQ:DATA 0.5,0.5,0.5,0.25,0.25,0.25")
    assert link.ask("INIT;*OPC?") == "1"
    assert numbers(link.ask("TRAC:DATA? 2,1")) == [1.5e-6, 1.5e-6]
    assert numbers(link.ask("TRAC:UNC? 1,2")) == [1e-9] * 4
    assert numbers(link.ask("FETC:UNC?")) == [1e-9] * 2


def test_reading_that_cannot_be_calibrated_is_no_number_bit_3_and_105_once(
    board: DoublingBoard, rig: EngineRig, link: EngineLink
) -> None:
    board.helpless = {1}
    assert numbers(link.ask("READ?")) == [3e-6, NOT_A_NUMBER]
    assert link.ask("FETC:STAT?") == "0,8"
    assert link.errors() == [105]
    plain = rig.open_link()
    plain.tell("CAL:STAT OFF")
    assert numbers(plain.ask("READ?")) == [1.5e-6, 1.5e-6]
    assert plain.ask("FETC:STAT?") == "0,0"
    assert plain.errors() == []


def test_doubt_is_bit_8_of_the_questionable_register(board: DoublingBoard, link: EngineLink) -> None:
    assert link.ask("STAT:QUES:COND?") == "0"
    board.doubtful = True
    link.ask("READ?")
    assert link.ask("STAT:QUES:COND?") == "256"
    board.doubtful = False
    link.ask("READ?")
    assert link.ask("STAT:QUES?") == "256"
    assert link.ask("STAT:QUES:COND?") == "0"


def test_calibration_is_run_and_its_age_told(board: DoublingBoard, link: EngineLink) -> None:
    assert float(link.ask("CAL:AGE?")) == NOT_A_NUMBER
    assert link.ask("CAL?") == link.ask("CALibration:ALL?") == "0"
    assert board.calibrated == 2
    board.age_s = 12.5
    assert float(link.ask("CAL:AGE?")) == 12.5


def test_board_without_the_group_does_not_know_it() -> None:
    link = EngineRig(hardware=FakeHardware(FACTS)).open_link()
    link.tell("*CLS;:CAL:STAT ON")
    assert link.errors() == [-113]
