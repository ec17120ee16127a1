"""Paragraph on what a calibration found: wires, law, fit, error now and error that noise allows."""

from __future__ import annotations

from typing import Any

import numpy as np

from crosscal.commands.jobs.calibration import Calibration
from crosscal.training import DeviationTest, Evaluation, plain_findings


def summary(calibration: Calibration, evaluation: Evaluation, deviations: DeviationTest | None) -> str:
    """Say in one paragraph what was found."""
    calibrator, result = calibration.result.calibrator, calibration.result
    circuit = getattr(calibrator, "circuit_facts", None)
    said = [_wires(circuit())] if circuit is not None else []
    said.append(str(plain_findings(result.training)))
    said += [f"{finding[0].upper()}{finding[1:]}." for finding in calibrator.findings() if finding]
    trained = result.training.matrices + result.validation.matrices
    said.append(
        f"{calibrator.name} was trained on {trained} matrices, in {len(calibration.rounds)} rounds; "
        f"{calibration.matrices_used} matrices were programmed in all; {calibration.ended}."
    )
    said.append(_error(evaluation))
    if deviations is not None:
        said.append(
            f"The stated deviation {deviations.verdict} (error over deviation {deviations.ratio:.2f}); with "
            f"it noise and what the model leaves allow NMSE {deviations.stated_nmse:.2g}."
        )
    return " ".join(said)


def misfit_lines(deviations: DeviationTest) -> list[str]:
    """Say column by column how far errors are from what is stated."""
    return [
        f"column {column + 1}: error {error_a:.3g} A rms, {error_a / stated_a:.1f} times the stated "
        f"{stated_a:.3g} A"
        for column, (error_a, stated_a) in enumerate(
            zip(deviations.error_a, deviations.deviation_a, strict=True)
        )
    ]


def _wires(facts: dict[str, Any]) -> str:
    names = {"row_ohm": "row", "column_ohm": "column", "driver_ohm": "driver", "sense_ohm": "amplifier"}
    parts = [
        f"{name} {facts[key][0]:.3g} ± {facts[key][1]:.2g} Ω" for key, name in names.items() if key in facts
    ]
    return f"Wires: {', '.join(parts)}."


def _error(evaluation: Evaluation) -> str:
    kind = evaluation.kinds[0]
    part = evaluation.data.of_vectors(kind.vectors)
    error_a = (evaluation.calibrated_a[:, kind.vectors] - part.ideal_a)[part.usable]
    rms_a, largest_a = float(np.sqrt(np.mean(error_a**2))), float(np.abs(part.ideal_a).max())
    others = ", ".join(
        f"{name} {score.nmse:.2g}" for name, score in kind.scores.items() if name != "calibrator"
    )
    return (
        f"On matrices never trained on a current is off by {rms_a:.3g} A rms, {rms_a / largest_a:.2%} of the "
        f"largest: NMSE {kind.scores['calibrator'].nmse:.2g} ({others})."
    )
