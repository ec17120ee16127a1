"""Shapes in annotations are checked where arrays cross a boundary: a wrong one fails where it is passed.

Modules with compiled kernels are left out: a kernel must reach numba as it stands in its file.
"""

from jaxtyping import install_import_hook

install_import_hook(
    [
        "crosscal.core",
        "crosscal.simulated_bench.front_end.channels",
        "crosscal.training.calibrators.affine_fit",
        "crosscal.training.evaluation.evaluation",
        "crosscal.training.collecting.inputs",
        "crosscal.training.measurements",
    ],
    "shape_checker.check",
)
