"""Serve a simulated board from here; open and read it from an interpreter with the plain dependencies alone.

Usage: check_plain_install.py PYTHON_OF_THE_PLAIN_ENVIRONMENT
"""

import subprocess
import sys

from crosscal.simulated_bench import Bench, serve_tcp

READ = """
import sys
import numpy as np
import crosscal

with crosscal.open_board({resource!r}, backend="@py") as board:
    rows, columns = board.shape
    low, high = board.conductance_limits_s
    board.program(np.linspace(low, high, rows * columns).reshape(rows, columns))
    current_a = board.measure(np.full((3, rows), 0.2))
    assert current_a.shape == (3, columns) and (current_a > 0).all(), current_a
heavy = {{"torch", "scipy", "matplotlib", "pyvisa_sim", "onnx"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
import importlib.util
present = [name for name in heavy if importlib.util.find_spec(name)]
assert not present, f"the plain installation brought {{present}}"
print("read", current_a.shape, "from", board.identity)
"""

with serve_tcp(Bench.from_profile("lab-16x12"), host="127.0.0.1", port=0) as server:
    subprocess.run([sys.argv[1], "-c", READ.format(resource=server.resource)], check=True, timeout=120)
