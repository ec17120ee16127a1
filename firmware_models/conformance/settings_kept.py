"""Settings of a board as they were found, to be restored when it has been put through the contract."""

from __future__ import annotations

from dataclasses import dataclass

from crosscal.firmware_models.conformance.line import RUN_PATIENCE_S, Line, ask

_SETTINGS = (
    *("FORM:BORD", "SOUR:VOLT:PROT", "SENS:CURR:APER", "SENS:AVER:COUN", "SENS:CURR:RANG", "TRIG:SOUR"),
    *("SENS:CURR:RANG:AUTO", "*ESE", "*SRE"),
)
_WITH_PROG = ("ARR:PROG:TOL", "ARR:PROG:ITER", "ARR:COND:TARG")


@dataclass(frozen=True, slots=True)
class SettingsKept:
    """Messages that restore the settings.

    Attributes:
        messages: to be sent in this order; the data format is the last.
        target: whether the target matrix is one of them.
    """

    messages: tuple[str, ...]
    target: bool

    @classmethod
    def found(cls, line: Line, patience_s: float) -> SettingsKept:
        """Ask a board for its settings; arrays as text.

        Raises:
            BoardTimeoutError: it does not answer.
        """
        layout = ask(line, "FORM?", patience_s)
        line.send(b"FORM ASC\n")
        target = "PROG" in ask(line, "SYST:CAP?", patience_s).upper()
        asked = (*_SETTINGS, *(_WITH_PROG if target else ()))
        messages = [f"{header} {ask(line, header + '?', patience_s)}" for header in asked]
        return cls((*messages, f"FORM {layout}"), target)

    def restore(self, line: Line, patience_s: float, *, cells: bool) -> None:
        """Send them.

        Args:
            line: to the board.
            patience_s: time that it has to begin a reply [s].
            cells: write the target that was found into the cells as well.

        Raises:
            BoardTimeoutError: the board does not answer.
        """
        for message in self.messages:
            line.send(message.encode("latin-1") + b"\n")
        if cells and self.target:
            line.send(b"ARR:PROG\n")
            ask(line, "*OPC?", RUN_PATIENCE_S)
        line.send(b"*CLS\n")
        ask(line, "*OPC?", patience_s)
