"""A calibrator of one's own: any ONNX graph with the three names; here regression on current and column sum.

It is fitted with numpy to a run.h5 and written as a calibrator file, which crosscal checks, programs and
evaluates like its own kinds.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

import crosscal
from crosscal.core.run_file import read_run
from crosscal.runtime import CalibratorMetadata, ParityProbes, write_calibrator
from crosscal.training import GraphWriter, evaluate

collect = [sys.executable, "-m", "crosscal", "collect", "GPIB0::9::INSTR", "--backend", "lab-12x16@crosscal"]
for name, matrices, seed in (("run.h5", 40, 1), ("holdout.h5", 5, 2)):
    if not Path(name).exists():
        counts = ["--matrices", str(matrices), "--vectors", "120", "--seed", str(seed)]
        subprocess.run([*collect, *counts, "-o", name], check=True, stdout=subprocess.DEVNULL)

# Each column: ideal current = gain · current + slope · (sum of its conductances) + offset, for all matrices.
run = read_run(Path("run.h5"))
sums_s = run.target_s.sum(axis=1)  # (K, M)
ideal_a = np.einsum("kvn,knm->kvm", run.voltage_v, run.target_s)
columns = run.plan.columns
gain, slope_v, offset_a = np.empty((3, columns))
for j in range(columns):
    current_a = run.current_a[:, :, j]
    sum_s = np.broadcast_to(sums_s[:, j : j + 1], current_a.shape)
    features = np.stack([1e6 * current_a, 1e6 * sum_s, np.ones_like(current_a)], axis=-1).reshape(-1, 3)
    gain[j], slope_v[j], offset_a[j] = np.linalg.lstsq(features, 1e6 * ideal_a[:, :, j].ravel())[0]
offset_a *= 1e-6

graph = GraphWriter((run.plan.rows, columns))
graph.constant("gain", gain)
graph.constant("slope", slope_v)
graph.constant("offset", offset_a)
graph.constant("rows", [0], np.int64)
graph.node("ReduceSum", ["conductance", "rows"], "column_sums", keepdims=0)
graph.node("Mul", ["column_sums", "slope"], "from_sums")
graph.node("Add", ["from_sums", "offset"], "shift")
graph.node("Mul", ["current", "gain"], "amplified")
graph.node("Add", ["amplified", "shift"], "calibrated")

probe_s, probe_a = run.target_s[:1].astype("f4"), run.current_a[:1, :4].astype("f4")
probes = ParityProbes(
    conductance_s=probe_s,
    current_a=probe_a,
    calibrated_a=gain * probe_a.astype(float)
    + slope_v * probe_s.astype(float).sum(axis=1, keepdims=True)
    + offset_a,
)
metadata = CalibratorMetadata(
    kind="column-sums",
    rows=run.plan.rows,
    columns=columns,
    conductance_range_s=(float(run.target_s.min()), float(run.target_s.max())),
    current_range_a=(float(run.current_a.min()), float(run.current_a.max())),
    voltage_range_v=(0.1, 0.5),
    parity_probes=probes,
)
write_calibrator(Path("own.onnx"), graph.model(), metadata)

calibrator = crosscal.load_calibrator("own.onnx")
result = evaluate(calibrator, read_run(Path("holdout.h5")))
for method, score in result.kinds[0].scores.items():
    print(f"{method:14s} NMSE {score.nmse:.4f}")
