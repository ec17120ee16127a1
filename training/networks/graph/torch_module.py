"""Torch modules as graphs, by way of ONNX."""

from __future__ import annotations

import io
import json
import warnings

import torch

from crosscal.core.errors import InputError, wanted
from crosscal.training.networks.graph.graph import Graph
from crosscal.training.networks.graph.onnx_reader import FACTORS, graph_of_model

OPSET = 17  # of ONNX 1.12 (2022); the reader knows its operators


def graph_of_module(
    module: torch.nn.Module, input_shape: tuple[int, ...], *, factors: dict[str, float] | None = None
) -> Graph:
    """Turn a module into a graph, as it infers.

    Args:
        module: any that torch can export.
        input_shape: of one input, without the batch.
        factors: see `module_to_onnx`.

    Raises:
        InputError: torch cannot export it, or operators that cannot be run.
    """
    model_bytes = module_to_onnx(module, input_shape, factors=factors)
    import onnx

    return graph_of_model(onnx.load_from_string(model_bytes), type(module).__name__)


def module_to_onnx(
    module: torch.nn.Module, input_shape: tuple[int, ...], *, factors: dict[str, float] | None = None
) -> bytes:
    """Export a module as it infers, for batches of any size.

    Args:
        module: any that torch can export.
        input_shape: of one input, without the batch.
        factors: digital factors of weights by name, for the mapping; kept in the file's metadata.

    Raises:
        InputError: torch cannot.
    """
    training = module.training
    buffer = io.BytesIO()
    first = next(module.parameters(), torch.zeros(1))
    example = torch.zeros(2, *input_shape, device=first.device)
    try:
        with warnings.catch_warnings():
            # The exporter through torch.export needs one more package; this one is enough for inference.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                (example,),
                buffer,
                dynamo=False,
                opset_version=OPSET,
                # Otherwise normalisation is folded into weights that were trained for the cells' levels.
                training=torch.onnx.TrainingMode.PRESERVE,
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            )
    except (RuntimeError, TypeError, torch.onnx.errors.OnnxExporterError) as error:
        got = f"a module that torch does not export ({' '.join(str(error).split())[:200]})"
        raise InputError(
            wanted(
                got=got, allowed="layers that ONNX has", remedy="check the shape of the input, or simplify it"
            )
        ) from error
    finally:
        module.train(training)
    if not factors:
        return buffer.getvalue()
    import onnx

    model = onnx.load_from_string(buffer.getvalue())
    model.metadata_props.add(key=FACTORS, value=json.dumps(factors))
    return model.SerializeToString()
