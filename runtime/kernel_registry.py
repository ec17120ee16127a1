"""The kinds of calibrator that have a kernel. A new one adds its line here, a `Fold` and a `Correction`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crosscal.core.errors import CalibratorFileError
from crosscal.runtime.compilation_notice import announce_compilation
from crosscal.runtime.correction import Fold


def fold_of(kind: str, document: Mapping[str, Any] | None) -> Fold | None:
    """Read a file's `fold` entry.

    The imports are here because a kernel module compiles itself when it is imported: a process pays for the
    kind it uses, when it loads the file, never at a read.

    Returns:
        The fold, or None for a kind or file without one: onnxruntime will run it.

    Raises:
        CalibratorFileError: the entry does not fit the kind.
    """
    if document is None:
        return None
    try:
        if kind == "affine":
            from crosscal.runtime.feedforward.affine import AffineFold

            return AffineFold.from_json(document)
        if kind == "concatsquash":
            with announce_compilation(kind, about_s=4):
                from crosscal.runtime.feedforward.concatsquash import ConcatSquashFold

            return ConcatSquashFold.from_json(document)
        if kind in ("structured", "whitebox"):
            with announce_compilation(kind, about_s=12):
                from crosscal.runtime.inverse.fold import InverseFold

            return InverseFold.from_json(document)
    except (KeyError, TypeError, ValueError) as error:
        raise CalibratorFileError(
            f"its fold is not what {kind!r} asks ({type(error).__name__}: {error}); export it again"
        ) from error
    return None
