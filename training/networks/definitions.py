"""Networks that come along: LeNet-5 and VGG8."""

from __future__ import annotations

from torch import nn

from crosscal.core.errors import InputError, wanted

NAMES = ("lenet5", "vgg8")


def make_network(
    name: str, input_shape: tuple[int, ...], classes: int, width: int | None = None
) -> nn.Module:
    """Make an untrained network for images.

    Args:
        name: `lenet5` or `vgg8`.
        input_shape: channels, height and width.
        classes: number of outputs.
        width: channels of the first layer; 6 and 128 if None.

    Raises:
        InputError: no such network, or images that are too small for it.
    """
    if name not in NAMES:
        raise InputError(wanted(got=f"the network {name!r}", allowed=", ".join(NAMES), remedy="choose one"))
    least = 12 if name == "lenet5" else 8
    if len(input_shape) != 3 or min(input_shape[1:]) < least:
        got = f"inputs of shape {input_shape} for {name}"
        raise InputError(
            wanted(got=got, allowed=f"(channels, {least} or more, {least} or more)", remedy="give images")
        )
    return (_lenet5 if name == "lenet5" else _vgg8)(input_shape, classes, width)


def _lenet5(shape: tuple[int, ...], classes: int, width: int | None) -> nn.Module:
    """LeNet-5 with ReLU and maxima; images of 28×28 are padded to 32×32, as in LeCun et al. 1998."""
    first = width or 6
    second = first * 16 // 6
    rows, columns = ((size // 2 - 4) // 2 for size in shape[1:])
    return nn.Sequential(
        nn.Conv2d(shape[0], first, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * rows * columns, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def _vgg8(shape: tuple[int, ...], classes: int, width: int | None) -> nn.Module:
    """VGG8 as in DNN+NeuroSim: six convolutions of 3×3 and two products, with batch normalisation."""
    first = width or 128
    layers: list[nn.Module] = []
    channels = shape[0]
    for outputs in (first, 2 * first, 4 * first):
        for _ in range(2):
            layers += [
                nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
            channels = outputs
        layers.append(nn.MaxPool2d(2))
    rows, columns = (size // 8 for size in shape[1:])
    layers += [nn.Flatten(), nn.Linear(channels * rows * columns, 8 * first), nn.ReLU()]
    layers.append(nn.Linear(8 * first, classes))
    return nn.Sequential(*layers)
