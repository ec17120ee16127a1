"""Data of a study, told apart by content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from crosscal.core.errors import InputError, ShapeError, wanted
from crosscal.training.networks.data import channels_first, read_data


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyData:
    """Training and test data.

    Attributes:
        x_train, y_train, x_test, y_test: inputs (B, channels, height, width) and classes.
        fingerprint: of all of them.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    fingerprint: str

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.y_train.max()) + 1


def read_study_data(path: Path, train_inputs: int | None, test_inputs: int | None) -> StudyData:
    """Read both parts of a data set, the first inputs of each; None: all.

    Raises:
        ShapeError: parts of different shapes.
    """
    train, test = read_data(path, "train"), read_data(path, "test")
    if train.x.shape[1:] != test.x.shape[1:]:
        got = f"{path} with test inputs of shape {test.x.shape[1:]}"
        allowed = f"{train.x.shape[1:]}, as for training"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="give both in one shape"))
    x_train, x_test = channels_first(train.x[:train_inputs]), channels_first(test.x[:test_inputs])
    y_train, y_test = train.y[:train_inputs], test.y[:test_inputs]
    found = hashlib.blake2b(digest_size=8)
    for array in (x_train, y_train, x_test, y_test):
        found.update(array.tobytes())
    return StudyData(
        x_train=torch.from_numpy(x_train),
        y_train=torch.from_numpy(y_train),
        x_test=torch.from_numpy(x_test),
        y_test=torch.from_numpy(y_test),
        fingerprint=found.hexdigest(),
    )


def read_data_sets(
    paths: tuple[Path, ...], train_inputs: int | None, test_inputs: int | None
) -> dict[str, StudyData]:
    """Read data sets by the names of their files.

    Raises:
        InputError: two of one name.
    """
    found = {path.stem: read_study_data(path, train_inputs, test_inputs) for path in paths}
    if len(found) < len(paths):
        got = f"data sets of one name: {', '.join(map(str, paths))}"
        raise InputError(wanted(got=got, allowed="names that differ", remedy="rename one"))
    return found
