"""Small networks and images for the tests of networks, made by code."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def striped_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 12×12 in four classes, told apart by the direction of their stripes, with noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, count)
    row, column = np.mgrid[:12, :12]
    waves = np.stack([row, column, row + column, row - column])[y]
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    images = 0.5 + 0.5 * np.sin(2 * np.pi * waves / 5 + phase) + rng.normal(0, 0.15, (count, 12, 12))
    return np.clip(images, 0, 1).astype(np.float32)[:, None], y


def small_network(seed: int = 0) -> nn.Module:
    """Two convolutions and two products, untrained."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 16),
        nn.ReLU(),
        nn.Linear(16, 4),
    )


def trained_network() -> nn.Module:
    """A small network that tells the stripes apart."""
    network = small_network()
    x, y = (torch.from_numpy(each) for each in striped_images(600, 1))
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for epoch in range(4):
        for start in range(0, 600, 50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[start : start + 50]), y[start : start + 50]).backward()
            optimiser.step()
        del epoch
    return network.eval()
