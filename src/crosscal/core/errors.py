"""Errors that crosscal raises on purpose.

    CrosscalError
    ├── InputError (also a ValueError)     the caller's arrays or arguments
    │   ├── ShapeError                     wrong rank or size
    │   └── RangeError                     NaN, infinite, or outside the limits
    ├── SettingsError (also a ValueError)  a settings file: the key is named
    ├── FileFormatError
    │   ├── RunFileError                   a run.h5: not one, cut off, of a newer format
    │   └── CalibratorFileError            a calibrator.onnx: not one, damaged, fails its probes
    ├── StoreError                         a store: none there, damaged, of a newer version
    │   ├── StoreFullError                 no room on the disk, or beyond its limit on size
    │   └── StoreBusyError                 another daemon is writing it
    ├── BoardError
    │   ├── BoardConnectionError           nothing there, lost, or held by another program
    │   │   └── BoardTimeoutError          stopped answering
    │   ├── IncompatibleBoardError         something answers that is no such board, or of another size
    │   ├── DisturbedError                 another client changed the board during a measurement
    │   ├── ImplausibleCurrentError        beyond every range of the board: another unit, or a garbled reply
    │   ├── ScpiError                      the board refused a command: code and text
    │   └── ReadingError                   a reading that must not pass for a good one: saturated, faulty
    ├── SolverError                        a simulated circuit without a solution
    ├── TrainingError                      data without anything to learn
    └── ClusterError                       a cluster that does not answer, or gave work up

A message has three parts, phrased alike by `wanted(...)`: the input, the limit, the remedy.
"""

from __future__ import annotations


class CrosscalError(Exception):
    """Root of the tree: `except CrosscalError` catches whatever crosscal raises on purpose."""


class InputError(CrosscalError, ValueError):
    """An argument that cannot be used."""


class ShapeError(InputError):
    """An array of the wrong rank or size."""


class RangeError(InputError):
    """A value that is not finite, or outside the limits."""


class SettingsError(CrosscalError, ValueError):
    """A settings file with an unknown key or an impossible value; the message names the key."""


class FileFormatError(CrosscalError):
    """A file of another kind, or damaged."""


class RunFileError(FileFormatError):
    """A run.h5 that cannot be read or resumed."""


class CalibratorFileError(FileFormatError):
    """A calibrator.onnx that cannot be used."""


class StoreError(CrosscalError):
    """A store that cannot be used: none there, damaged, or of a newer version."""


class StoreFullError(StoreError):
    """No room for a record; nothing of it was written, and what was committed before is whole."""


class StoreBusyError(StoreError):
    """Another process is writing the store."""


class BoardError(CrosscalError):
    """Something went wrong at the board or on the way to it."""


class BoardConnectionError(BoardError):
    """Nothing answers, the link was lost, or another program holds it."""


class BoardTimeoutError(BoardConnectionError):
    """The board stopped answering within the time a reply of that size needs."""


class IncompatibleBoardError(BoardError):
    """The instrument is no crossbar test board, or lacks a feature that was asked for."""


class DisturbedError(BoardError):
    """Another client changed the board during a measurement; nothing of it counts."""


class ImplausibleCurrentError(BoardError):
    """Currents beyond every range of the board: they came in another unit, or the reply was garbled.

    Attributes:
        largest_a: largest magnitude, taken for amperes.
        most_a: largest that a range of the board holds [A].
    """

    def __init__(self, largest_a: float, most_a: float) -> None:
        self.largest_a, self.most_a = largest_a, most_a
        super().__init__(
            wanted(
                got=f"currents up to {largest_a:.3g} A",
                allowed=f"{most_a:.3g} A, the board's largest range",
                remedy="the reply was garbled on the way, or the board gives another unit: repeat the call, "
                "then run `crosscal check`",
            )
        )

    def __reduce__(self) -> tuple[type[ImplausibleCurrentError], tuple[float, float]]:
        return type(self), (self.largest_a, self.most_a)


class ScpiError(BoardError):
    """The board refused a command.

    Attributes:
        code: SCPI error code, such as -222.
        text: the board's own text.
        command: the command sent before the error was read, shortened; None if unknown.
    """

    def __init__(self, code: int, text: str, command: str | None = None) -> None:
        self.code, self.text, self.command = code, text, command
        after = f" after {command!r}" if command else ""
        super().__init__(f"the board reports {code},{text!r}{after}")

    def __reduce__(self) -> tuple[type[ScpiError], tuple[int, str, str | None]]:
        return type(self), (self.code, self.text, self.command)


class ReadingError(BoardError):
    """A reading that must not pass for a good one; `.read()` returns it with its status bits instead."""


class SolverError(CrosscalError):
    """A simulated circuit without a solution of the promised accuracy."""


class TrainingError(CrosscalError):
    """Data that no calibrator can be trained on."""


class ClusterError(CrosscalError):
    """A cluster of computers does not answer, or gave a task up."""


def wanted(*, got: str, allowed: str, remedy: str) -> str:
    """Phrase a message: the input, the limit, the remedy."""
    return f"got {got}; allowed: {allowed}; {remedy}"
