"""`Backend` that writes ONNX nodes instead of computing: the same lines that torch runs become the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from crosscal.training.calibrators.graph_writer import GraphWriter

_ONNX_TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}


class GraphArray:
    """A named result in the graph; operators add nodes."""

    __array_ufunc__ = None  # numpy's scalars leave an operation with this to it

    def __init__(self, backend: GraphBackend, name: str, dtype: str) -> None:
        self.backend, self.dtype = backend, dtype
        self._name = name

    @property
    def name(self) -> str:
        """Name of the tensor."""
        return self._name

    def __add__(self, other: GraphArray | float) -> GraphArray:
        return self.backend.binary("Add", self, other)

    def __radd__(self, other: float) -> GraphArray:
        return self.backend.binary("Add", self, other)

    def __sub__(self, other: GraphArray | float) -> GraphArray:
        return self.backend.binary("Sub", self, other)

    def __rsub__(self, other: float) -> GraphArray:
        return self.backend.binary("Sub", self.backend.number(other, self.dtype), self)

    def __mul__(self, other: GraphArray | float) -> GraphArray:
        return self.backend.binary("Mul", self, other)

    def __rmul__(self, other: float) -> GraphArray:
        return self.backend.binary("Mul", self, other)

    def __truediv__(self, other: GraphArray | float) -> GraphArray:
        return self.backend.binary("Div", self, other)

    def __rtruediv__(self, other: float) -> GraphArray:
        return self.backend.binary("Div", self.backend.number(other, self.dtype), self)

    def __matmul__(self, other: GraphArray) -> GraphArray:
        return self.backend.binary("MatMul", self, other)

    def __neg__(self) -> GraphArray:
        return self.backend.unary("Neg", self)


class TransposedArray(GraphArray):
    """A result with its last two axes exchanged; its Transpose node is written when its name is asked for.

    A matrix product does not ask: it takes the original, in an Einsum. Up to version 1.25 onnxruntime fuses a
    Transpose in front of a MatMul into com.microsoft.FusedMatMul, without a float64 kernel on a CPU, so
    that the file does not load.
    """

    def __init__(self, original: GraphArray, write_node: Callable[[], str]) -> None:
        super().__init__(original.backend, "", original.dtype)
        self.original = original
        self._write_node = write_node

    @property
    def name(self) -> str:
        """Name of the transposed tensor."""
        if not self._name:
            self._name = self._write_node()
        return self._name


class GraphBackend:
    """Writes nodes into a `GraphWriter`, or, inside `mapped` and `solved`, into the body of a Scan.

    Nodes of a body may name anything outside of it; nothing outside may name their results.
    """

    def __init__(self, writer: GraphWriter) -> None:
        self._writer = writer
        self._bodies: list[list[onnx.NodeProto]] = []
        self._numbers: dict[tuple[str, float], GraphArray] = {}
        self._constants: set[str] = set()
        self._count = 0

    def input(self, name: str) -> GraphArray:
        """One of the model's inputs, float32."""
        return GraphArray(self, name, "float32")

    def constant(self, values: np.ndarray) -> GraphArray:
        array = np.asarray(values)
        name = self._writer.constant(self._new_name("constant"), array, array.dtype.type)
        self._constants.add(name)
        return GraphArray(self, name, array.dtype.name)

    def number(self, value: float, dtype: str) -> GraphArray:
        """A scalar, written once however often it is used."""
        key = (dtype, float(value))
        if key not in self._numbers:
            self._numbers[key] = self.constant(np.asarray(value, dtype=dtype))
        return self._numbers[key]

    def named(self, a: GraphArray, name: str) -> str:
        """Give a result a name that the format promises, as float32."""
        operand = self.single(a)
        return self._writer.node("Identity", [operand.name], name)

    def stacked(self, parts: Sequence[GraphArray]) -> GraphArray:
        """Put (N, M) arrays on top of each other, (K, N, M)."""
        lead = self._integers(0)
        raised = [self._node("Unsqueeze", [part.name, lead], part.dtype) for part in parts]
        return self.joined(raised, 0)

    def unary(self, operator: str, a: GraphArray) -> GraphArray:
        """A node of one operand."""
        return self._node(operator, [a.name], a.dtype)

    def binary(self, operator: str, a: GraphArray, b: GraphArray | float) -> GraphArray:
        """A node of two operands of one type."""
        other = b if isinstance(b, GraphArray) else self.number(b, a.dtype)
        if other.dtype != a.dtype:
            raise TypeError(f"{operator} of {a.dtype} and {other.dtype}: cast one of them")
        if operator == "MatMul" and (isinstance(a, TransposedArray) or isinstance(b, TransposedArray)):
            return self._transposed_product(a, other)
        return self._node(operator, [a.name, other.name], a.dtype)

    def _transposed_product(self, a: GraphArray, b: GraphArray) -> GraphArray:
        """Write a product with one operand or both transposed, from their originals."""
        left, right = "...mn", "...nk"
        if isinstance(a, TransposedArray):
            a, left = a.original, "...nm"
        if isinstance(b, TransposedArray):
            b, right = b.original, "...kn"
        return self._node("Einsum", [a.name, b.name], a.dtype, equation=f"{left},{right}->...mk")

    def single(self, a: GraphArray) -> GraphArray:
        return self._cast(a, "float32")

    def double(self, a: GraphArray) -> GraphArray:
        return self._cast(a, "float64")

    def sum(self, a: GraphArray, axis: int) -> GraphArray:
        return self._node("ReduceSum", [a.name, self._integers(axis)], a.dtype, keepdims=1)

    def largest(self, a: GraphArray) -> GraphArray:
        return self._node("ReduceMax", [a.name], a.dtype, axes=[-2, -1], keepdims=1)

    def swap(self, a: GraphArray, rank: int) -> GraphArray:
        order = [*range(rank - 2), rank - 1, rank - 2]
        if a.name in self._constants:
            # Folded when a session is made, before anything is fused.
            return self._node("Transpose", [a.name], a.dtype, perm=order)
        nodes = self._nodes()

        def write_node() -> str:
            return self._node("Transpose", [a.name], a.dtype, nodes, perm=order).name

        return TransposedArray(a, write_node)

    def joined(self, parts: Sequence[GraphArray], axis: int) -> GraphArray:
        return self._node("Concat", [part.name for part in parts], parts[0].dtype, axis=axis)

    def cut(self, a: GraphArray, axis: int, start: int, stop: int) -> GraphArray:
        bounds = [self._integers(start), self._integers(stop), self._integers(axis)]
        return self._node("Slice", [a.name, *bounds], a.dtype)

    def reshaped(self, a: GraphArray, shape: Sequence[int]) -> GraphArray:
        return self._node("Reshape", [a.name, self._integers(*shape)], a.dtype)

    def clipped(self, a: GraphArray, low: float, high: float) -> GraphArray:
        limits = [self.number(low, a.dtype).name, self.number(high, a.dtype).name]
        return self._node("Clip", [a.name, *limits], a.dtype)

    def beyond(self, a: GraphArray, low: float, high: float) -> GraphArray:
        under = self._node("Less", [a.name, self.number(low, a.dtype).name], "bool")
        over = self._node("Greater", [a.name, self.number(high, a.dtype).name], "bool")
        return self._cast(self._node("Or", [under.name, over.name], "bool"), a.dtype)

    def root(self, a: GraphArray) -> GraphArray:
        return self.unary("Sqrt", a)

    def mapped(self, body: Callable[[GraphArray], GraphArray], chunks: GraphArray) -> GraphArray:
        chunk = GraphArray(self, self._new_name("chunk"), chunks.dtype)
        with self._body() as nodes:
            result = body(chunk)
        graph = helper.make_graph(
            nodes,
            self._new_name("body"),
            [helper.make_tensor_value_info(chunk.name, _ONNX_TYPES[chunk.dtype], None)],
            [helper.make_tensor_value_info(result.name, _ONNX_TYPES[result.dtype], None)],
        )
        return self._node("Scan", [chunks.name], result.dtype, body=graph, num_scan_inputs=1)

    def repeated(
        self,
        body: Callable[[tuple[GraphArray, ...]], tuple[GraphArray, ...]],
        state: tuple[GraphArray, ...],
        times: int,
    ) -> tuple[GraphArray, ...]:
        given = tuple(GraphArray(self, self._new_name("state"), part.dtype) for part in state)
        # A Scan counts its rounds by an input that it steps through.
        count = GraphArray(self, self._new_name("round"), "float32")
        with self._body() as nodes:
            results = body(given)
        graph = helper.make_graph(
            nodes,
            self._new_name("body"),
            [
                helper.make_tensor_value_info(part.name, _ONNX_TYPES[part.dtype], None)
                for part in (*given, count)
            ],
            [helper.make_tensor_value_info(part.name, _ONNX_TYPES[part.dtype], None) for part in results],
        )
        rounds = self.constant(np.zeros((times, 1), dtype=np.float32))
        done = tuple(GraphArray(self, self._new_name("done"), part.dtype) for part in results)
        node = helper.make_node(
            "Scan",
            [*(part.name for part in state), rounds.name],
            [part.name for part in done],
            name=done[0].name,
            body=graph,
            num_scan_inputs=1,
        )
        self._nodes().append(node)
        return done

    def solved(self, a: GraphArray, b: GraphArray, size: int) -> GraphArray:
        """Gauss–Jordan elimination, one pivot per round; a positive matrix needs no search for pivots."""
        tableau = self.joined([a, b], -1)
        state = GraphArray(self, self._new_name("tableau"), a.dtype)
        pick = GraphArray(self, self._new_name("pick"), a.dtype)
        with self._body() as nodes:
            place = self.reshaped(pick, (1, size))
            row = place @ state
            column = self.cut(state, -1, 0, size) @ self.reshaped(pick, (size, 1))
            pivot = place @ column
            result = state - (column - self.reshaped(pick, (size, 1))) @ (row / pivot)
        kind = _ONNX_TYPES[a.dtype]
        graph = helper.make_graph(
            nodes,
            self._new_name("body"),
            [helper.make_tensor_value_info(name, kind, None) for name in (state.name, pick.name)],
            [helper.make_tensor_value_info(result.name, kind, None)],
        )
        unit = self.constant(np.eye(size, dtype=a.dtype))
        done = self._node("Scan", [tableau.name, unit.name], a.dtype, body=graph, num_scan_inputs=1)
        return self.cut(done, -1, size, np.iinfo(np.int64).max)

    @contextmanager
    def _body(self) -> Iterator[list[onnx.NodeProto]]:
        nodes: list[onnx.NodeProto] = []
        self._bodies.append(nodes)
        try:
            yield nodes
        finally:
            self._bodies.pop()

    def _cast(self, a: GraphArray, dtype: str) -> GraphArray:
        return a if a.dtype == dtype else self._node("Cast", [a.name], dtype, to=_ONNX_TYPES[dtype])

    def _integers(self, *values: int) -> str:
        return self._writer.constant(self._new_name("integers"), np.array(values), np.int64)

    def _nodes(self) -> list[onnx.NodeProto]:
        """Nodes that the next one is appended to: of the innermost Scan body, or of the graph itself."""
        return self._bodies[-1] if self._bodies else self._writer.nodes

    def _node(
        self,
        operator: str,
        inputs: list[str],
        dtype: str,
        nodes: list[onnx.NodeProto] | None = None,
        **attributes: Any,
    ) -> GraphArray:
        name = self._new_name(operator.lower())
        node = helper.make_node(operator, inputs, [name], name=name, **attributes)
        (self._nodes() if nodes is None else nodes).append(node)
        return GraphArray(self, name, dtype)

    def _new_name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"
