"""Labelled data of a user's: npz files, IDX files, and folders of images."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosscal.core.errors import FileFormatError, InputError, ShapeError, wanted
from crosscal.training.networks.image_folder import read_image_folder

# Codes of the IDX format (Y. LeCun, the MNIST database).
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IDX_NAMES = {
    "train": ("train-images", "train-labels"),
    "test": ("t10k-images", "t10k-labels"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledData:
    """Inputs with their classes.

    Attributes:
        x: inputs, (B, …), single precision; whole numbers of 8 bits are divided by 255.
        y: classes from 0, (B,).
    """

    x: np.ndarray
    y: np.ndarray


def read_data(path: str | Path, part: str, *, labels: bool = True) -> LabelledData:
    """Read one part of a data set; inputs sorted by class come in a random order, the same each time.

    Commands take the first inputs, or the last, to stand for all: of a sorted set these are one class.

    Args:
        path: an npz file with `x_test` and `y_test` (or `x_train` …), a folder of IDX files as MNIST's, or a
            folder `test/` (`train/`) with one folder of images per class.
        part: `train` or `test`.
        labels: whether classes are needed.

    Raises:
        InputError: keys or files that are missing, or arrays that do not go together.
        FileFormatError: a file of another kind.
        OSError: it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        x, y = _read_idx(path, part) if any(path.glob("*-images*")) else read_image_folder(path, part)
    else:
        x, y = _read_npz(path, part, labels=labels)
    order = _order(x, y)
    y = np.zeros(len(x), dtype=np.int64) if y is None or not labels else _classes(y, path)
    if len(x) != len(y) or not len(x):
        got = f"{path} with {len(x)} inputs and {len(y)} classes"
        raise ShapeError(wanted(got=got, allowed="as many of both, one or more", remedy="correct the file"))
    scaled = x.astype(np.float32) / np.float32(255.0) if x.dtype == np.uint8 else x.astype(np.float32)
    if not np.isfinite(scaled).all():
        raise InputError(
            wanted(
                got=f"{path} with inputs that are not finite",
                allowed="finite numbers",
                remedy="leave them out",
            )
        )
    return LabelledData(x=scaled, y=y) if order is None else LabelledData(x=scaled[order], y=y[order])


def _order(x: np.ndarray, y: np.ndarray | None) -> np.ndarray | None:
    """Return a random order for inputs that are sorted by class; None: as they are."""
    if y is None or y.ndim != 1 or len(y) != len(x) or len(y) < 2:
        return None
    as_sorted = y[0] != y[-1] and bool((y[1:] >= y[:-1]).all())
    return np.random.default_rng(0).permutation(len(y)) if as_sorted else None


def fit_shape(x: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
    """Bring inputs to the shape that a network takes: a missing channel is added, channels come first.

    Args:
        x: inputs, (B, …).
        shape: of one input, None where an axis is free.

    Raises:
        ShapeError: inputs of another shape.
    """
    ways = [x]
    if x.ndim == 3:
        ways += [x[:, None], x[..., None]]
    if x.ndim == 4:
        ways.append(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        if 1 in (x.shape[1], x.shape[3]):
            ways.append(x[:, 0] if x.shape[1] == 1 else x[..., 0])
    if len(shape) == 1 and x.ndim > 2:
        ways.append(x.reshape(len(x), -1))
    for way in ways:
        if len(way.shape) - 1 == len(shape) and all(
            want in (None, have) for want, have in zip(shape, way.shape[1:], strict=True)
        ):
            return way
    raise ShapeError(
        wanted(
            got=f"inputs of shape {x.shape[1:]}",
            allowed=f"{tuple('any' if size is None else size for size in shape)}",
            remedy="give data of the shape that the network was made for",
        )
    )


def channels_first(x: np.ndarray) -> np.ndarray:
    """Bring images to (B, channels, height, width); a missing channel is added."""
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[3] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return x


def _read_npz(path: Path, part: str, *, labels: bool) -> tuple[np.ndarray, np.ndarray | None]:
    needed = [f"x_{part}", *([f"y_{part}"] if labels else [])]
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in needed if name not in archive.files]
            if missing:
                raise InputError(
                    wanted(
                        got=f"{path} with the arrays {', '.join(archive.files) or 'none'}",
                        allowed=f"{' and '.join(needed)}",
                        remedy=f"add {', '.join(missing)}",
                    )
                )
            found = [archive[name] for name in needed]
            beside = archive[f"y_{part}"] if f"y_{part}" in archive.files else None
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        got = f"{path}, no npz file of plain arrays"
        raise FileFormatError(wanted(got=got, allowed="npz, IDX or images", remedy="convert it")) from error
    if found[0].dtype.kind not in "fiub" or found[0].ndim < 2:
        got = f"{needed[0]} of type {found[0].dtype} and shape {found[0].shape}"
        raise InputError(wanted(got=got, allowed="numbers, one input per row", remedy="convert it"))
    return found[0], beside


def _classes(y: np.ndarray, path: Path) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    flat = y.ravel()
    if flat.dtype.kind not in "iuf" or (flat.dtype.kind == "f" and not (flat == np.round(flat)).all()):
        got = f"{path} with classes of type {y.dtype}"
        raise InputError(wanted(got=got, allowed="whole numbers from 0", remedy="number the classes"))
    whole = flat.astype(np.int64)
    if whole.size and whole.min() < 0:
        got = f"{path} with the class {whole.min()}"
        raise InputError(wanted(got=got, allowed="whole numbers from 0", remedy="number the classes"))
    return whole


def _read_idx(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    found = []
    for stem in IDX_NAMES[part]:
        names = sorted(folder.glob(f"*{stem}*"))
        if not names:
            got = f"{folder} without {stem}-idx…"
            raise InputError(wanted(got=got, allowed="IDX files as MNIST's", remedy="add that file"))
        found.append(read_idx(names[0]))
    return found[0], found[1]


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file, compressed or not.

    Raises:
        FileFormatError: another kind of file, or one that is cut off.
    """
    raw = path.read_bytes()
    content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise FileFormatError(wanted(got=f"{path}, no IDX file", allowed="IDX", remedy="check the file"))
    kind, axes = np.dtype(IDX_TYPES[content[2]]), content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4).astype(int)
    start = 4 + 4 * axes
    if len(content) - start != int(shape.prod()) * kind.itemsize:
        got = f"{path} with {len(content) - start} bytes of values"
        allowed = f"{int(shape.prod()) * kind.itemsize}"
        raise FileFormatError(wanted(got=got, allowed=allowed, remedy="download it again"))
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
