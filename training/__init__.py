"""Learns a calibrator from measured runs, exports it, and says how good it is.

Names are imported on first use: collecting needs no torch, evaluating no trainer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosscal.training.affine_fit import AffineFit, fit_affine
    from crosscal.training.board_description import BoardDescription
    from crosscal.training.calibrator import Batch, Stage, TrainableCalibrator, normalised_error
    from crosscal.training.collection import collect, collect_with, measure_matrix
    from crosscal.training.collection_plan import CollectionPlan, CollectionProgress
    from crosscal.training.evaluation import Evaluation, KindEvaluation, evaluate
    from crosscal.training.export import calibrate, export_calibrator
    from crosscal.training.inputs import INPUT_KINDS, Segment, draw_vectors, parse_inputs
    from crosscal.training.measurements import Measurements, split_matrices
    from crosscal.training.measures import Score, score
    from crosscal.training.onnx_graph import GraphFacts, GraphWriter
    from crosscal.training.paper_table import PaperRow, paper_rows
    from crosscal.training.registry import calibrator_class, calibrator_names
    from crosscal.training.report import to_json, write_report
    from crosscal.training.suite_array import read_weight_errors, write_weight_errors
    from crosscal.training.suite_cost import read_cost
    from crosscal.training.suite_notes import suite_remarks
    from crosscal.training.suite_pictures import draw_array_errors, draw_suite
    from crosscal.training.suite_report import write_suite_report
    from crosscal.training.suite_results import BoardResult, MethodScore, label_of, read_scores, write_scores
    from crosscal.training.suite_scores import BoardScorer, ScoredMethods
    from crosscal.training.suite_tables import (
        deviation_cell,
        nmse_cell,
        scientific,
        suite_methods,
        times_floor_cell,
    )
    from crosscal.training.trainer import TrainingResult, train
    from crosscal.training.training_plan import EpochReport, TrainingPlan

__all__ = [
    "INPUT_KINDS",
    "AffineFit",
    "Batch",
    "BoardDescription",
    "BoardResult",
    "BoardScorer",
    "CollectionPlan",
    "CollectionProgress",
    "EpochReport",
    "Evaluation",
    "GraphFacts",
    "GraphWriter",
    "KindEvaluation",
    "Measurements",
    "MethodScore",
    "PaperRow",
    "Score",
    "ScoredMethods",
    "Segment",
    "Stage",
    "TrainableCalibrator",
    "TrainingPlan",
    "TrainingResult",
    "calibrate",
    "calibrator_class",
    "calibrator_names",
    "collect",
    "collect_with",
    "deviation_cell",
    "draw_array_errors",
    "draw_suite",
    "draw_vectors",
    "evaluate",
    "export_calibrator",
    "fit_affine",
    "label_of",
    "measure_matrix",
    "nmse_cell",
    "normalised_error",
    "paper_rows",
    "parse_inputs",
    "read_cost",
    "read_scores",
    "read_weight_errors",
    "scientific",
    "score",
    "split_matrices",
    "suite_methods",
    "suite_remarks",
    "times_floor_cell",
    "to_json",
    "train",
    "write_report",
    "write_scores",
    "write_suite_report",
    "write_weight_errors",
]

_MODULES = {
    "affine_fit": ("AffineFit", "fit_affine"),
    "board_description": ("BoardDescription",),
    "calibrator": ("Batch", "Stage", "TrainableCalibrator", "normalised_error"),
    "collection": ("collect", "collect_with", "measure_matrix"),
    "collection_plan": ("CollectionPlan", "CollectionProgress"),
    "evaluation": ("Evaluation", "KindEvaluation", "evaluate"),
    "export": ("calibrate", "export_calibrator"),
    "inputs": ("INPUT_KINDS", "Segment", "draw_vectors", "parse_inputs"),
    "measurements": ("Measurements", "split_matrices"),
    "measures": ("Score", "score"),
    "onnx_graph": ("GraphFacts", "GraphWriter"),
    "paper_table": ("PaperRow", "paper_rows"),
    "registry": ("calibrator_class", "calibrator_names"),
    "report": ("to_json", "write_report"),
    "suite_array": ("read_weight_errors", "write_weight_errors"),
    "suite_cost": ("read_cost",),
    "suite_notes": ("suite_remarks",),
    "suite_pictures": ("draw_array_errors", "draw_suite"),
    "suite_report": ("write_suite_report",),
    "suite_results": ("BoardResult", "MethodScore", "label_of", "read_scores", "write_scores"),
    "suite_scores": ("BoardScorer", "ScoredMethods"),
    "suite_tables": ("deviation_cell", "nmse_cell", "scientific", "suite_methods", "times_floor_cell"),
    "trainer": ("TrainingResult", "train"),
    "training_plan": ("EpochReport", "TrainingPlan"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import on first use."""
    if name in _HOME:
        return getattr(import_module(f"crosscal.training.{_HOME[name]}"), name)
    raise AttributeError(f"module 'crosscal.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
