"""Collecting on a Dask cluster: the file is the same to the bit as one that was measured alone.

The cluster is a local one of two worker processes; give `--scheduler` the address of yours.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from distributed import LocalCluster

from crosscal.core.run_file import read_run

collect = [sys.executable, "-m", "crosscal", "collect", "GPIB0::9::INSTR", "--backend", "lab-16x12@crosscal"]
counts = ["--matrices", "8", "--vectors", "40", "--seed", "5"]


def main():
    """Measure on the cluster and alone, and compare."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        shared = [*collect, *counts, "--scheduler", cluster.scheduler_address, "-o", "cluster.h5"]
        subprocess.run(shared, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*collect, *counts, "-o", "alone.h5"], check=True, stdout=subprocess.DEVNULL)
    there, here = read_run(Path("cluster.h5")), read_run(Path("alone.h5"))
    same = np.array_equal(there.current_a, here.current_a) and np.array_equal(there.target_s, here.target_s)
    print(f"{len(there.target_s)} matrices, the same to the bit: {same}")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
