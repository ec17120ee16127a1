"""Adds graph outputs and metadata to a serialised ONNX model, without the onnx package.

Protobuf defines that parsing two concatenated messages gives their merge: repeated fields are joined,
submessages merged recursively. So `model + ModelProto{graph {output {name}}}` is the same model with one more
graph output, and `model + ModelProto{metadata_props {key, value}}` the same model with one more entry. All
that has to be written are length-delimited fields; the machine beside a board then needs onnxruntime alone.

Reference: protobuf.dev, "Encoding", "Message Structure" and "Last One Wins"; field numbers from onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterable

_MODEL_GRAPH = 7
_MODEL_METADATA_PROPS = 14
_GRAPH_OUTPUT = 12
_VALUE_INFO_NAME = 1
_ENTRY_KEY = 1
_ENTRY_VALUE = 2
_LENGTH_DELIMITED = 2


def graph_outputs(names: Iterable[str]) -> bytes:
    """Encode a partial model that lists `names` as graph outputs; onnxruntime infers their types."""
    outputs = b"".join(_field(_GRAPH_OUTPUT, _field(_VALUE_INFO_NAME, name.encode())) for name in names)
    return _field(_MODEL_GRAPH, outputs)


def metadata_entry(key: str, value: str) -> bytes:
    """Encode a partial model that holds one entry of `metadata_props`."""
    entry = _field(_ENTRY_KEY, key.encode()) + _field(_ENTRY_VALUE, value.encode())
    return _field(_MODEL_METADATA_PROPS, entry)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    """Encode a non-negative integer, seven bits a byte, lowest first, the top bit saying that more follow."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
