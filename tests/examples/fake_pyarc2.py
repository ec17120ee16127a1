"""Stand-in for the package pyarc2 and an ArC TWO behind it, with the habits that trap people.

Commands wait in a queue for `execute()`; results come by channel, NaN on channels that were not read; a read
of open channels counts current into the channel and so has the other sign than `read_all`; a write too soon
after a read disturbs, and so does a read too soon after a write.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

# The daughterboard as its wiring table has it, written out.
WORDS = [16, 63, 17, 62, 18, 61, 19, 60, 20, 59, 21, 58, 22, 57, 23, 56]
WORDS += [24, 55, 25, 54, 26, 53, 27, 52, 28, 51, 29, 50, 30, 49, 31, 48]
BITS = [15, 32, 14, 33, 13, 34, 12, 35, 11, 36, 10, 37, 9, 38, 8, 39]
BITS += [7, 40, 6, 41, 5, 42, 4, 43, 3, 44, 2, 45, 1, 46, 0, 47]


class IdleMode(Enum):
    Float = 0b01
    SoftGnd = 0b10
    HardGnd = 0b11


def find_ids() -> list[int]:
    return [7]


class Instrument:
    """ArC TWO with a passive array of ohmic cells on its daughterboard."""

    last: Instrument

    def __init__(self, port: int, firmware: str, init: bool = True) -> None:
        del init
        if port not in find_ids() or not firmware.endswith(".bin"):
            raise ValueError(f"no ArC TWO at {port} with {firmware}")
        self.conductance_s = np.full((32, 32), 30e-6)
        self.channel_v = np.full(64, np.nan)
        self.grounded: set[int] = set(range(64))
        self.queue: list = []
        self.quiet_ns = 10**9
        self.disturbed = 0
        self.last_was = "nothing"
        Instrument.last = self

    def connect_to_gnd(self, channels) -> Instrument:
        self.queue.append(("ground", list(channels)))
        return self

    def config_channels(self, channels, base) -> Instrument:
        self.queue.append(("bias", [(int(c), float(v)) for c, v in channels], base))
        return self

    def delay(self, nanos: int) -> Instrument:
        assert isinstance(nanos, int)
        self.queue.append(("delay", nanos))
        return self

    def pulse_one(self, low: int, high: int, voltage: float, nanos: int) -> Instrument:
        assert abs(voltage) <= 10.0
        self.queue.append(("pulse", low, high, voltage, nanos))
        return self

    def ground_all(self) -> Instrument:
        self.queue.append(("bias", [(channel, 0.0) for channel in range(64)], None))
        return self

    def execute(self) -> Instrument:
        for name, *rest in self.queue:
            getattr(self, f"_do_{name}")(*rest)
        self.queue = []
        return self

    def wait(self) -> None:
        pass

    def finalise_operation(self, mode: IdleMode | None = None, control=None) -> None:
        del control
        if mode is IdleMode.SoftGnd:
            self.connect_to_gnd([]).ground_all().execute()

    def read_slice_open(self, highs, ground_after: bool) -> np.ndarray:
        assert ground_after is False
        self._reading()
        word_v = self.channel_v[WORDS]
        out_a = np.nan_to_num(word_v) @ self.conductance_s
        answer = np.full(64, np.nan)
        for column, channel in enumerate(BITS):
            if channel in list(highs) and channel not in self.grounded:
                # Current into the channel: what leaves the column counts as negative.
                answer[channel] = -out_a[column]
        return answer

    def read_all(self, vread: float, order=None) -> np.ndarray:
        del order
        self._reading()
        return vread * self.conductance_s

    def read_one(self, low: int, high: int, vread: float) -> float:
        self._reading()
        return vread * self.conductance_s[WORDS.index(high), BITS.index(low)]

    def _reading(self) -> None:
        if self.last_was == "write" and self.quiet_ns < 150_000:
            self.disturbed += 1
        self.last_was, self.quiet_ns = "read", 0

    def _do_ground(self, channels) -> None:
        self.grounded = set(channels)

    def _do_bias(self, channels, base) -> None:
        if base is not None:
            self.channel_v[:] = base
        for channel, voltage_v in channels:
            self.channel_v[channel] = voltage_v
        self.last_was, self.quiet_ns = "write", 0

    def _do_delay(self, nanos: int) -> None:
        self.quiet_ns += nanos

    def _do_pulse(self, low: int, high: int, voltage: float, nanos: int) -> None:
        if self.last_was == "read" and self.quiet_ns < 20_000:
            self.disturbed += 1
        self.last_was, self.quiet_ns = "write", 0
        cell = WORDS.index(high), BITS.index(low)
        self.conductance_s[cell] *= 1.0 + 0.03 * voltage * nanos / 1000
