"""Runs a crossbar test board by PyVISA alone: program, drive a sequence, read the trace and its status.

Usage: plain_visa_script.py RESOURCE VISA_LIBRARY

Written from the description of the board's interface, against a 5×9 board of resistors without wires, whose
currents anyone can compute: I_j = Σ_i v_i G_ij.
"""

import sys

import pyvisa

ROWS, COLUMNS = 5, 9


def check(name, got, wanted):
    if got != wanted:
        sys.exit(f"{name}: got {got!r} instead of {wanted!r}")


def close(name, got, wanted, tolerance):
    if len(got) != len(wanted) or any(
        abs(a - b) > tolerance * abs(b) for a, b in zip(got, wanted, strict=True)
    ):
        sys.exit(f"{name}: got {got} instead of {wanted}")


def currents(voltage_v, target_s):
    return [sum(voltage_v[i] * target_s[i][j] for i in range(ROWS)) for j in range(COLUMNS)]


def main(resource, library):
    manager = pyvisa.ResourceManager(library)
    board = manager.open_resource(resource, read_termination="\n", write_termination="\n", timeout=20_000)
    try:
        run(board)
    finally:
        board.close()
        manager.close()
    sys.stdout.write("all as it should be\n")


def run(board):
    board.write("*CLS;*RST")
    check("fields of *IDN?", len(board.query("*IDN?").split(",")), 4)
    check("size", board.query("ARRay:SIZE?"), f"{ROWS},{COLUMNS}")
    groups = set(board.query("SYSTem:CAPability?").split(","))
    check("groups missing", {"PROG", "READBACK", "SEQ"} - groups, set())
    low_s, high_s = (float(x) for x in board.query("ARRay:CONDuctance:LIMits?").split(","))

    # Program: every cell another conductance, so that a cell in the wrong place shows.
    cells = ROWS * COLUMNS
    step_s = (high_s - low_s) / (cells - 1)
    target_s = [[low_s + step_s * (i * COLUMNS + j) for j in range(COLUMNS)] for i in range(ROWS)]
    flat_s = [g for row in target_s for g in row]
    board.write("FORMat REAL,64;FORMat:BORDer SWAPped")
    board.write_binary_values("ARRay:CONDuctance:TARGet ", flat_s, datatype="d", is_big_endian=False)
    check("program", board.query("ARRay:PROGram;*OPC?"), "1")
    check("failed cells", board.query("ARRay:PROGram:RESult?").split(",")[0], "0")
    close("read-back", board.query_binary_values("ARRay:CONDuctance?", datatype="d"), flat_s, 0.011)

    # One vector as text, one by one.
    vector_v = [0.1, -0.2, 0.3, 0.4, -0.5]
    board.write("FORMat ASCii;:OUTPut ON")
    board.write("SOURce:VOLTage:LIST " + ",".join(map(repr, vector_v)))
    close("vector", board.query_ascii_values("SOURce:VOLTage:LIST?"), vector_v, 1e-9)
    close("READ?", board.query_ascii_values("READ?"), currents(vector_v, target_s), 0.011)
    check("FETCh:STATus?", board.query("FETCh:STATus?"), ",".join("0" * COLUMNS))

    # A sequence as a block, its trace pulled in pieces, and its status.
    count = 23
    batch_v = [[0.1 + 0.4 * ((7 * k + 3 * i) % 11) / 10 for i in range(ROWS)] for k in range(count)]
    board.write("FORMat REAL,64")
    board.write_binary_values("SOURce:SEQuence:DATA ", [v for row in batch_v for v in row], datatype="d")
    check("points", board.query("SOURce:SEQuence:POINts?"), str(count))
    check("acquisition", board.query("INITiate;*OPC?"), "1")
    check("points measured", board.query("TRACe:POINts:ACTual?"), str(count))
    trace_a = []
    for first in range(1, count + 1, 10):
        piece = min(10, count + 1 - first)
        trace_a += board.query_binary_values(f"TRACe:DATA? {first},{piece}", datatype="d")
    wanted_a = [current for row in batch_v for current in currents(row, target_s)]
    close("trace", trace_a, wanted_a, 0.011)
    board.write("FORMat ASCii")
    check("TRACe:STATus?", set(board.query(f"TRACe:STATus? 1,{count}").split(",")), {"0"})

    # A range that is too small saturates: full scale, status bit 0, and an error of the board's own.
    full_scale_a = float(board.query("SOURce:SEQuence:CLEar;:SENSe:CURRent:RANGe 1e-6;RANGe?"))
    close("saturated", [abs(i) for i in board.query_ascii_values("READ?")], [full_scale_a] * COLUMNS, 1e-9)
    check("status of saturation", set(board.query("FETCh:STATus?").split(",")), {"1"})
    check("error of saturation", int(board.query("SYSTem:ERRor?").split(",")[0]), 102)

    # Mistakes are told apart and change nothing.
    board.write("ARRay:CONDuctance:TARGet 1,2,3")
    check("too few", int(board.query("SYSTem:ERRor?").split(",")[0]), -109)
    board.write("NONSense")
    check("nonsense", int(board.query("SYSTem:ERRor?").split(",")[0]), -113)
    board.write("OUTPut OFF")
    check("errors left", board.query("SYSTem:ERRor:COUNt?"), "0")


if __name__ == "__main__":
    main(*sys.argv[1:])
