"""The engine in C on this machine: compiled as a shared library, its hardware called back in Python.

`Instrument` and `Session` stand in for those of `crosscal.firmware_models`: tests of the one engine are
tests of the other.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import shutil
import subprocess
import tempfile
from array import array
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from crosscal.firmware_models import Hardware
from crosscal.firmware_models.c_sources import FOLDER, WARNINGS, engine_sources
from crosscal.firmware_models.guarded_hardware import failure_text

COMPILERS = ("cc", "gcc", "clang")
GROUPS = ("PROG", "READBACK", "SEQ", "TEMP", "SIM", "CAL", "LOCK")
LINKS_MAX = 8
DOUBLES = ctypes.POINTER(ctypes.c_double)
BYTES = ctypes.POINTER(ctypes.c_uint8)
# Text of a failure, or NULL; a c_char_p would be copied and freed behind C's back.
TEXT = ctypes.c_void_p


def find_compiler() -> str | None:
    """The host's C compiler, if it has one."""
    return next((found for found in map(shutil.which, COMPILERS) if found), None)


class Facts(ctypes.Structure):
    """`struct board_facts`."""

    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("manufacturer", "model", "serial", "firmware")),
        ("rows", ctypes.c_size_t),
        ("columns", ctypes.c_size_t),
        ("groups", ctypes.c_uint),
        ("conductance_min_s", ctypes.c_double),
        ("conductance_max_s", ctypes.c_double),
        ("ranges_a", DOUBLES),
        ("range_count", ctypes.c_size_t),
        ("adc_bits", ctypes.c_int),
        ("adc_settling_s", ctypes.c_double),
        ("dac_bits", ctypes.c_int),
        *((name, ctypes.c_double) for name in ("dac_full_scale_v", "dac_settling_s")),
        *((name, ctypes.c_double) for name in ("aperture_min_s", "aperture_max_s")),
        ("average_max", ctypes.c_int32),
        ("sequence_max", ctypes.c_size_t),
        ("protection_max_v", ctypes.c_double),
        ("dwell_max_s", ctypes.c_double),
    )


class Measurement(ctypes.Structure):
    """`struct measurement`."""

    _fields_ = (
        ("voltage_v", DOUBLES),
        ("count", ctypes.c_size_t),
        ("range_index", ctypes.c_size_t),
        ("aperture_s", ctypes.c_double),
        ("averages", ctypes.c_int32),
        ("dwell_s", ctypes.c_double),
    )


class CReading(ctypes.Structure):
    """`struct reading`."""

    _fields_ = (
        ("current_a", DOUBLES),
        ("status", BYTES),
        ("compliance", ctypes.c_bool),
        ("over_temperature", ctypes.c_bool),
        ("hardware_error", ctypes.c_bool),
    )


class CStep(ctypes.Structure):
    """`struct programming_step`."""

    _fields_ = (
        ("finished", ctypes.c_bool),
        ("cells_failed", ctypes.c_size_t),
        ("rms_relative_error", ctypes.c_double),
        ("cell_stuck", ctypes.c_bool),
    )


CONTEXT = ctypes.c_void_p
SIMULATION_FUNCTIONS = {
    "advance_time": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_double),
    "set_temperature": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_double),
    "reseed": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_int64),
    "fault_cell": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p),
    "fault_amplifier": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_size_t),
    "clear_faults": ctypes.CFUNCTYPE(TEXT, CONTEXT),
    "true_conductance": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES),
}
HAL_FUNCTIONS = {
    "now_s": ctypes.CFUNCTYPE(ctypes.c_double, CONTEXT),
    "rest": ctypes.CFUNCTYPE(None, CONTEXT),
    "round_voltage": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES, ctypes.c_size_t, ctypes.c_double),
    "round_aperture": ctypes.CFUNCTYPE(ctypes.c_double, CONTEXT, ctypes.c_double),
    "measure": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.POINTER(Measurement), ctypes.POINTER(CReading)),
    "temperature": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES),
    "begin_programming": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES, ctypes.c_double),
    "programming_iteration": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.POINTER(CStep)),
    "read_conductance": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES),
}
FLOATS = ctypes.POINTER(ctypes.c_float)
CALIBRATOR_FUNCTIONS = {
    "calibrate": ctypes.CFUNCTYPE(ctypes.c_int, FLOATS, FLOATS),
    "self_test": ctypes.CFUNCTYPE(ctypes.c_int),
}


class Simulation(ctypes.Structure):
    """`struct simulation`."""

    _fields_ = tuple(SIMULATION_FUNCTIONS.items())


class Calibrator(ctypes.Structure):
    """`struct calibrator`."""

    _fields_ = tuple(CALIBRATOR_FUNCTIONS.items())


class Hal(ctypes.Structure):
    """`struct hal`."""

    _fields_ = (
        ("facts", ctypes.POINTER(Facts)),
        ("context", CONTEXT),
        *HAL_FUNCTIONS.items(),
        ("simulation", ctypes.POINTER(Simulation)),
        ("calibrator", ctypes.POINTER(Calibrator)),
    )


class Memory(ctypes.Structure):
    """`struct instrument_memory`."""

    _fields_ = (
        ("target_s", DOUBLES),
        ("banks", DOUBLES * 3),
        ("bank_values", ctypes.c_size_t),
        ("voltage_v", DOUBLES),
        ("measured_v", DOUBLES),
        ("rest_v", DOUBLES),
        ("current_a", DOUBLES),
        ("current_status", BYTES),
        ("reply", DOUBLES),
        ("uncalibrated_a", FLOATS),
        ("calibrated_a", FLOATS),
    )


@cache
def library(input_bytes: int) -> ctypes.CDLL:
    """Compile the engine, once for each state of its sources, and load it."""
    compiler = find_compiler()
    assert compiler is not None
    shim = Path(__file__).with_name("host_shim.c")
    sources = [*engine_sources(), shim]
    flags = (
        *WARNINGS,
        "-O1",
        "-g",
        "-fPIC",
        "-shared",
        # Undefined behaviour ends the process: no test passes with it.
        "-fsanitize=undefined",
        "-fsanitize-undefined-trap-on-error",
        f"-DLINKS_MAX={LINKS_MAX}",
        f"-DINPUT_BYTES={input_bytes}U",
        f"-I{FOLDER}",
    )
    everything = b"".join(path.read_bytes() for path in (*sources, *sorted(FOLDER.rglob("*.h"))))
    digest = hashlib.sha256(everything + " ".join((compiler, *flags)).encode()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"crosscal-c-engine-{digest}.so"
    if not target.exists():
        with tempfile.TemporaryDirectory() as folder:
            built = Path(folder) / "engine.so"
            command = [compiler, *flags, "-o", str(built), *map(str, sources), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            shutil.copy(built, target.with_suffix(".new"))
            target.with_suffix(".new").replace(target)
    loaded = ctypes.CDLL(str(target))
    loaded.host_instrument_bytes.restype = ctypes.c_size_t
    loaded.instrument_open_link.restype = ctypes.c_void_p
    loaded.instrument_open_link.argtypes = (ctypes.c_void_p, ctypes.c_bool, ctypes.c_char_p)
    loaded.instrument_poll.restype = ctypes.c_bool
    for name in ("link_receive", "link_transmit"):
        getattr(loaded, name).restype = ctypes.c_size_t
        getattr(loaded, name).argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    for name in ("link_end_message", "link_dropped", "link_service_requested"):
        getattr(loaded, name).restype = ctypes.c_bool
        getattr(loaded, name).argtypes = (ctypes.c_void_p,)
    for name in ("poll", "device_clear", "trigger", "query_unterminated", "close", "acknowledge_drop"):
        getattr(loaded, f"link_{name}").argtypes = (ctypes.c_void_p,)
        getattr(loaded, f"link_{name}").restype = None
    loaded.link_pending.restype = ctypes.c_size_t
    loaded.link_pending.argtypes = (ctypes.c_void_p,)
    loaded.link_status_byte.argtypes = (ctypes.c_void_p,)
    return loaded


class HalOfPython:
    """A C hal whose functions are a `Hardware`; failures become texts, failed assertions are kept."""

    def __init__(self, hardware: Hardware, clock: Callable[[], float], calibrator: Calibrator | None) -> None:
        self.failed: BaseException | None = None
        self._hardware = hardware
        self._clock = clock
        self._text: ctypes.Array[ctypes.c_char] | None = None
        facts = hardware.facts
        self._cells = facts.rows * facts.columns
        self._ranges = (ctypes.c_double * len(facts.ranges_a))(*facts.ranges_a)
        copied = {
            name: getattr(facts, name)
            for name, _ in Facts._fields_
            if name
            not in ("manufacturer", "model", "serial", "firmware", "groups", "ranges_a", "range_count")
        }
        groups = (*facts.capabilities, "CAL") if calibrator else facts.capabilities
        lacks = sorted(set(groups) - set(GROUPS))
        if lacks:
            pytest.skip(f"optional, and not in C: group {', '.join(lacks)}")
        self._facts = Facts(
            manufacturer=facts.manufacturer.encode(),
            model=facts.model.encode(),
            serial=facts.serial.encode(),
            firmware=facts.firmware.encode(),
            groups=sum(1 << GROUPS.index(group) for group in groups),
            ranges_a=self._ranges,
            range_count=len(self._ranges),
            **copied,
        )
        self._simulation = Simulation(
            **{name: kind(self._guarded(name)) for name, kind in SIMULATION_FUNCTIONS.items()}
        )
        self.hal = Hal(
            facts=ctypes.pointer(self._facts),
            simulation=ctypes.pointer(self._simulation),
            **{name: kind(self._guarded(name)) for name, kind in HAL_FUNCTIONS.items()},
        )
        if calibrator is not None:
            self.hal.calibrator = ctypes.pointer(calibrator)

    def _guarded(self, name: str) -> Callable[..., object]:
        """`_<name>`, of which no exception gets into C."""
        function = getattr(self, f"_{name}")
        numbers = name in ("now_s", "round_aperture")

        def call(_context: int, *arguments: object) -> object:
            try:
                return function(*arguments)
            except AssertionError as error:
                self.failed = error
            except BaseException as error:  # noqa: BLE001
                self._text = ctypes.create_string_buffer(failure_text(error).encode("latin-1", "replace"))
                return ctypes.addressof(self._text)
            return 0.0 if numbers else None

        return call

    def check(self) -> None:
        """Raise the assertion that failed while C called."""
        failed, self.failed = self.failed, None
        if failed is not None:
            raise failed

    def _now_s(self) -> float:
        return self._clock()

    def _rest(self) -> None:
        self._hardware.rest()

    def _round_voltage(self, voltage_v: ctypes.Array, count: int, protection_v: float) -> None:
        rounded_v = self._hardware.round_voltage(array("d", voltage_v[:count]), protection_v)
        for index, value in enumerate(rounded_v):
            voltage_v[index] = value

    def _round_aperture(self, aperture_s: float) -> float:
        return self._hardware.round_aperture(aperture_s)

    def _measure(self, measurement: ctypes.Array, reading: ctypes.Array) -> None:
        asked, answer = measurement[0], reading[0]
        got = self._hardware.measure(
            array("d", asked.voltage_v[: asked.count * self._hardware.facts.rows]),
            range_index=asked.range_index,
            aperture_s=asked.aperture_s,
            averages=asked.averages,
            dwell_s=asked.dwell_s,
        )
        for index, (current, status) in enumerate(zip(got.current_a, got.status, strict=True)):
            answer.current_a[index] = current
            answer.status[index] = status
        answer.compliance = got.compliance
        answer.over_temperature = got.over_temperature
        answer.hardware_error = got.hardware_error

    def _temperature(self, temperature_c: ctypes.Array) -> None:
        temperature_c[0] = self._hardware.temperature_c()

    def _begin_programming(self, target_s: ctypes.Array, tolerance: float) -> None:
        self._hardware.begin_programming(array("d", target_s[: self._cells]), tolerance)

    def _programming_iteration(self, step: ctypes.Array) -> None:
        got = self._hardware.programming_iteration()
        step[0].finished = got.finished
        step[0].cells_failed = got.cells_failed
        step[0].rms_relative_error = got.rms_relative_error
        step[0].cell_stuck = got.cell_stuck

    def _read_conductance(self, conductance_s: ctypes.Array) -> None:
        for index, value in enumerate(self._hardware.read_conductance()):
            conductance_s[index] = value

    def _advance_time(self, duration_s: float) -> None:
        self._hardware.advance_time(duration_s)

    def _set_temperature(self, temperature_c: float) -> None:
        self._hardware.set_temperature(temperature_c)

    def _reseed(self, seed: int) -> None:
        self._hardware.reseed(seed)

    def _fault_cell(self, row: int, column: int, kind: bytes) -> None:
        self._hardware.fault_cell(row, column, kind.decode())

    def _fault_amplifier(self, column: int) -> None:
        self._hardware.fault_amplifier(column)

    def _clear_faults(self) -> None:
        self._hardware.clear_faults()

    def _true_conductance(self, conductance_s: ctypes.Array) -> None:
        for index, value in enumerate(self._hardware.true_conductance()):
            conductance_s[index] = value


class Instrument:
    """`struct instrument` with the interface of the Python one.

    Attributes:
        input_bytes: length of a link's input buffer.
    """

    input_bytes = 1024

    def __init__(
        self, hardware: Hardware, *, clock: Callable[[], float], calibrator: Calibrator | None = None
    ) -> None:
        self.library = library(self.input_bytes)
        self.hal = HalOfPython(hardware, clock, calibrator)
        self.sessions: list[Session] = []
        self._memory = self._arrays(hardware)
        self.address = ctypes.create_string_buffer(self.library.host_instrument_bytes())
        self.library.instrument_power_on(self.address, ctypes.byref(self.hal.hal), ctypes.byref(self._memory))

    def _arrays(self, hardware: Hardware) -> Memory:
        facts = hardware.facts
        cells, rows, columns = facts.rows * facts.columns, facts.rows, facts.columns
        bank = max(cells, rows * facts.sequence_max)

        def doubles(count: int) -> ctypes.Array[ctypes.c_double]:
            # What nobody wrote shows as NaN.
            return (ctypes.c_double * count)(*[math.nan] * count)

        return Memory(
            target_s=doubles(cells),
            banks=(DOUBLES * 3)(*(ctypes.cast(doubles(bank), DOUBLES) for _ in range(3))),
            bank_values=bank,
            voltage_v=doubles(rows),
            measured_v=doubles(rows),
            rest_v=doubles(rows),
            current_a=doubles(columns * facts.sequence_max),
            current_status=(ctypes.c_uint8 * (columns * facts.sequence_max))(),
            reply=doubles(max(cells, columns * facts.sequence_max)),
            uncalibrated_a=(ctypes.c_float * columns)(),
            calibrated_a=(ctypes.c_float * columns)(),
        )

    def open_session(self, *, message_based: bool, address: str = "unnamed") -> Session:
        # The engine keeps the text where it is.
        name = ctypes.create_string_buffer(address.encode())
        link = self.library.instrument_open_link(self.address, message_based, name)
        assert link is not None, "all links are open"
        session = Session(self, link, name)
        self.sessions.append(session)
        return session

    def poll(self) -> bool:
        running = self.library.instrument_poll(self.address)
        for session in self.sessions:
            session.feed()
        self.hal.check()
        return running


class Session:
    """`struct link` with the interface of the Python one; what C has no room for is kept."""

    def __init__(self, board: Instrument, address: int, name: ctypes.Array[ctypes.c_char]) -> None:
        self._board = board
        self._name = name
        self._library = board.library
        self._address = address
        self._not_taken = bytearray()
        self._ended = False
        self._drained = bytearray()
        self._open = True

    def receive(self, data: bytes) -> None:
        self._not_taken += data
        # Even nothing at all lets the engine look at its clock.
        self._library.link_receive(self._address, b"", 0)
        self.feed()
        self._board.hal.check()

    def feed(self) -> None:
        """Hand on what has not been taken, sending replies wherever C waits for room."""
        if not self._open:
            return
        while self._not_taken:
            data = bytes(self._not_taken)
            taken = self._library.link_receive(self._address, data, len(data))
            del self._not_taken[:taken]
            if not taken and not self._drain():
                return
        if self._ended:
            while not self._library.link_end_message(self._address):
                if not self._drain():
                    return
            self._ended = False

    def _drain(self) -> bool:
        """Take all output there is; whether that helped."""
        before = len(self._drained)
        while got := self._take(4096):
            self._drained += got
            self._library.link_poll(self._address)
        return len(self._drained) > before

    def _take(self, most: int) -> bytes:
        buffer = ctypes.create_string_buffer(most)
        count = self._library.link_transmit(self._address, buffer, most)
        return buffer.raw[:count]

    def end_message(self) -> None:
        self._ended = True
        self.feed()
        self._board.hal.check()

    def transmit(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is None:
            self._drain()
            taken = bytes(self._drained)
            self._drained.clear()
            self.feed()
            self._board.hal.check()
            return taken
        if len(self._drained) < max_bytes:
            self._drained += self._take(max_bytes - len(self._drained))
        taken = bytes(self._drained[:max_bytes])
        del self._drained[:max_bytes]
        return taken

    @property
    def pending(self) -> int:
        return len(self._drained) + self._library.link_pending(self._address)

    def device_clear(self) -> None:
        self._not_taken.clear()
        self._drained.clear()
        self._ended = False
        self._library.link_device_clear(self._address)

    def trigger(self) -> None:
        self._library.link_trigger(self._address)
        self._board.hal.check()

    def query_unterminated(self) -> None:
        self._library.link_query_unterminated(self._address)

    def close(self) -> None:
        if self._open:
            self._library.link_close(self._address)
            self._board.sessions.remove(self)
        self._open = False

    @property
    def link_dropped(self) -> bool:
        return self._library.link_dropped(self._address)

    def acknowledge_drop(self) -> None:
        self._library.link_acknowledge_drop(self._address)

    def status_byte(self) -> int:
        return self._library.link_status_byte(self._address)

    @property
    def service_requested(self) -> bool:
        return self._library.link_service_requested(self._address)
