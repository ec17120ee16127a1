"""Speed of networks on crossbars: CPU time per image, one thread, beside plain torch in the same run.

    python benchmarks/networks.py            LeNet-5 and VGG8
    python benchmarks/networks.py --quick    LeNet-5 alone, fewer images

Weights are random: the time does not depend on them. Ratios travel from one machine to another, times do not.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch
from threadpoolctl import threadpool_limits

from crosscal.core.network.cell_profile import load_cell_profile
from crosscal.simulated_bench import Wires
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.definitions import make_network
from crosscal.training.networks.learning.mapped_weight import attach_mapped_weights
from crosscal.training.networks.mapping.mapper import map_network
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running.chip_run import ChipRun

REPEATS = 5


def cpu_ms(run: Callable[[torch.Tensor], object], x: torch.Tensor) -> float:
    """CPU time per image [ms], the least of some runs."""
    with torch.no_grad():
        run(x[:2])
        times = []
        for _ in range(REPEATS):
            start = time.process_time()
            run(x)
            times.append(time.process_time() - start)
    return 1e3 * min(times) / len(x)


def rows(name: str, shape: tuple[int, ...], images: int, width: int | None, wires_ohm: float) -> None:
    """Measure one network and print its rows."""
    torch.manual_seed(0)
    network = make_network(name, shape, 10, width).eval()
    cells = load_cell_profile("wan-2022")
    options = MappingOptions(cells=cells, representation="offset", read_back=False)
    x = torch.rand(images, *shape)
    mapped = map_network(network, shape, options, ranges_from=x[:32])
    plain_ms = cpu_ms(network, x)
    print(f"{name}, {mapped.tiles} tiles\n  {'plain torch':34} {plain_ms:9.3f} ms")
    for mode in ("merged", "converted"):
        settings = ChipSettings(cells=cells, wires=Wires(row_ohm=wires_ohm, column_ohm=wires_ohm), mode=mode)
        start = time.process_time()
        run = ChipRun(mapped, Chip(settings, seed=1, number=0), merged=mode == "merged")
        run.run(x[:1])
        ready_s = time.process_time() - start
        taken_ms = cpu_ms(run.run, x)
        label = f"{mode}, {wires_ohm:g} Ω wires, ready in {ready_s:.1f} s"
        print(f"  {label:34} {taken_ms:9.3f} ms  {taken_ms / plain_ms:6.1f} × plain")
        del run  # its cells, before those of the next


def training_rows() -> None:
    """Measure a step of training, plain and with injected scatter."""
    x, y = torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,))
    times = {}
    for scatter in (False, True):
        torch.manual_seed(0)
        network = make_network("lenet5", (1, 28, 28), 10)
        if scatter:
            options = MappingOptions(
                cells=load_cell_profile("wan-2022"), representation="offset", scale="layer"
            )
            attach_mapped_weights(network, options, favourable=None, scatter=True)
        optimiser = torch.optim.Adam(network.parameters())

        def step(_: torch.Tensor, network=network, optimiser=optimiser) -> None:
            with torch.enable_grad():
                for _ in range(10):
                    optimiser.zero_grad()
                    torch.nn.functional.cross_entropy(network(x), y).backward()
                    optimiser.step()

        times[scatter] = cpu_ms(step, x) / 10
    ratio = times[True] / times[False]
    print(f"training LeNet-5\n  {'plain':34} {times[False]:9.3f} ms")
    print(f"  {'with injected scatter':34} {times[True]:9.3f} ms  {ratio:6.2f} × plain")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--wires", type=float, default=2.0, help="ohms per segment for LeNet-5")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        rows("lenet5", (1, 28, 28), 50 if chosen.quick else 200, None, chosen.wires)
        training_rows()
        if not chosen.quick:
            rows("vgg8", (3, 32, 32), 4, None, 0.0)
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"  peak memory of all, mapping included {peak_mb:9.0f} MiB")


if __name__ == "__main__":
    main()
