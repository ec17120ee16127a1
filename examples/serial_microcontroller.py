"""A board behind a microcontroller's serial port as a crosscal board, over pyserial.

The firmware of this example knows four lines of text, values in converter codes:
`V c1 … cN` drives the rows (8 bits, codes 50 to 246 for -0.2 to 0.2 V), `R` answers `M` codes of 12 bits,
`W i j g` writes a cell in nanosiemens, `Z` grounds every line. Each is answered by one line.

crosscal check     'python:serial_microcontroller:SerialBoard?port=/dev/ttyACM0'
crosscal calibrate 'python:serial_microcontroller:SerialBoard?port=COM3' -o b7.onnx
"""

import numpy as np
import serial

from crosscal import ConverterCodes, LabBoard, LabBoardFacts


class SerialBoard(LabBoard):
    """8 rows × 6 columns of 2 to 20 µS, read with 8-bit inputs and 12-bit outputs."""

    facts = LabBoardFacts(
        identity="example,serial board,1,1.0",
        shape=(8, 6),
        conductance_limits_s=(2e-6, 20e-6),
        full_scale_a=40e-6,
        voltage_limit_v=0.2,
        input_codes=ConverterCodes(50, 246, -0.2, 0.2),
        output_codes=ConverterCodes(0, 4095, -40e-6, 40e-6),
    )

    def __init__(self, port: str, baud: int = 115_200):
        """Open the port."""
        self._port = serial.Serial(port, baud, timeout=2.0)

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        """Drive each vector of codes and read the columns' codes."""
        answers = []
        for codes in voltage_v:
            self._ask("V " + " ".join(map(str, codes)))
            answers.append([int(code) for code in self._ask("R").split()])
        return np.array(answers)

    def write(self, target_s: np.ndarray, tolerance: float) -> None:
        """Write cell by cell; the firmware verifies by itself, to its own tolerance."""
        del tolerance
        for (row, column), cell_s in np.ndenumerate(target_s):
            self._ask(f"W {row} {column} {cell_s * 1e9:.1f}")

    def rest(self) -> None:
        """Ground every line."""
        self._ask("Z")

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()

    def _ask(self, line: str) -> str:
        self._port.write(line.encode() + b"\n")
        answer = self._port.readline().decode().strip()
        if not answer or answer.startswith("ERR"):
            raise OSError(f"{line.split()[0]} was answered by {answer or 'nothing within 2 s'}")
        return answer
