"""Adds graph outputs and metadata to a serialised ONNX model, and takes metadata off, without onnx.

Protobuf defines that parsing two concatenated messages gives their merge: repeated fields are joined,
submessages merged recursively. So `model + ModelProto{graph {output {name}}}` is the same model with one more
graph output, and `model + ModelProto{metadata_props {key, value}}` the same model with one more entry. All
that has to be written are length-delimited fields; the machine beside a board then needs onnxruntime alone.

Reference: protobuf.dev, "Encoding", "Message Structure" and "Last One Wins"; field numbers from onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterable

# Field numbers of ModelProto, GraphProto, ValueInfoProto and StringStringEntryProto in onnx.proto (ONNX IR),
# and wire types of the protocol buffers' encoding.
_MODEL_GRAPH = 7
_MODEL_METADATA_PROPS = 14
_GRAPH_OUTPUT = 12
_VALUE_INFO_NAME = 1
_ENTRY_KEY = 1
_ENTRY_VALUE = 2
_VARINT = 0
_LENGTH_DELIMITED = 2
_FIXED_BYTES = {1: 8, 5: 4}
"""Sizes of the wire types of 64 and 32 bits."""


def graph_outputs(names: Iterable[str]) -> bytes:
    """Encode a partial model that lists `names` as graph outputs; onnxruntime infers their types."""
    outputs = b"".join(_field(_GRAPH_OUTPUT, _field(_VALUE_INFO_NAME, name.encode())) for name in names)
    return _field(_MODEL_GRAPH, outputs)


def metadata_entry(key: str, value: str) -> bytes:
    """Encode a partial model that holds one entry of `metadata_props`."""
    entry = _field(_ENTRY_KEY, key.encode()) + _field(_ENTRY_VALUE, value.encode())
    return _field(_MODEL_METADATA_PROPS, entry)


def split_metadata(model: bytes) -> tuple[bytes, dict[str, str]]:
    """Take a serialised model apart: the same model without `metadata_props`, and these by key.

    Raises:
        ValueError: no sequence of protobuf fields.
    """
    bare, properties, position = bytearray(), {}, 0
    while position < len(model):
        start = position
        tag, position = _read_varint(model, position)
        payload, position = _read_payload(model, tag & 0x7, position)
        if tag >> 3 == _MODEL_METADATA_PROPS:
            key, value = _read_entry(payload)
            properties[key] = value
        else:
            bare += model[start:position]
    return bytes(bare), properties


def _read_entry(payload: bytes) -> tuple[str, str]:
    texts, position = {_ENTRY_KEY: "", _ENTRY_VALUE: ""}, 0
    while position < len(payload):
        tag, position = _read_varint(payload, position)
        text, position = _read_payload(payload, tag & 0x7, position)
        texts[tag >> 3] = text.decode()
    return texts[_ENTRY_KEY], texts[_ENTRY_VALUE]


def _read_payload(content: bytes, kind: int, position: int) -> tuple[bytes, int]:
    """Return a field's payload and where the next field begins."""
    if kind == _VARINT:
        end = _read_varint(content, position)[1]
    elif kind == _LENGTH_DELIMITED:
        size, position = _read_varint(content, position)
        end = position + size
    elif kind in _FIXED_BYTES:
        end = position + _FIXED_BYTES[kind]
    else:
        raise ValueError(f"a protobuf field of kind {kind}")
    if end > len(content):
        raise ValueError("a protobuf field that ends beyond the message")
    return content[position:end], end


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(content):
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return value, position
        shift += 7
    raise ValueError("a protobuf number that does not end")


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
