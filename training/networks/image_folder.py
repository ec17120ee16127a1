"""Folders of images, one folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crosscal.core.errors import InputError, ShapeError, wanted

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff")


def read_image_folder(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images of 8 bits, (B, H, W) or (B, H, W, 3), and their classes in the order of the folders.

    Args:
        folder: with a folder `part` in it, or the folders of the classes themselves.
        part: `train` or `test`.

    Raises:
        InputError: no images.
        ShapeError: images of different sizes.
    """
    from PIL import Image

    home = folder / part if (folder / part).is_dir() else folder
    classes = sorted(each for each in home.iterdir() if each.is_dir())
    images, labels = [], []
    for number, place in enumerate(classes):
        for path in sorted(place.iterdir()):
            if path.suffix.lower() not in SUFFIXES:
                continue
            with Image.open(path) as image:
                plain = image.convert("L" if image.mode in ("1", "L", "I", "I;16", "LA") else "RGB")
                images.append(np.asarray(plain, dtype=np.uint8))
            labels.append(number)
            if images[-1].shape != images[0].shape:
                got = f"{path} of shape {images[-1].shape}"
                raise ShapeError(
                    wanted(
                        got=got, allowed=f"{images[0].shape} as the first", remedy="bring them to one size"
                    )
                )
    if not images:
        raise InputError(
            wanted(
                got=f"{home} without images in folders of classes",
                allowed=f"{home}/CLASS/*.png",
                remedy="sort the images by class, or give an npz file",
            )
        )
    return np.stack(images), np.array(labels)
