"""Sensitivity to tuning constants: each is varied alone, where it stands, all else as it is.

    python benchmarks/constants.py                       # names of the constants that are known
    python benchmarks/constants.py circuit_fit._BATCH    # all whose names end so
    python benchmarks/constants.py structured            # all with this in their names
    python benchmarks/constants.py .                     # every one: some hours of one core

Printed for each value, the present one with an asterisk: what the experiment shows (see the modules of
`benchmarks/sensitivity`), and processor time.
"""

from __future__ import annotations

import argparse

from sensitivity import calibrators, drift, read_backs, simulated_bench


def main() -> None:
    """Vary the constants that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", help="part of the names; none: list them")
    wanted = parser.parse_args().name
    known = [*calibrators.varied(), *drift.varied(), *read_backs.varied(), *simulated_bench.varied()]
    chosen = [each for each in known if wanted is not None and wanted in each.name]
    if not chosen:
        print("\n".join(each.name for each in known))
    for each in chosen:
        each.show()


if __name__ == "__main__":
    main()
