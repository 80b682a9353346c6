"""Random quantities of a phantom, declared as tables and drawn film by film.

A film's generator is read in the order of the table, all normals before all uniforms, and
nothing else draws in between: the values of a film depend on its own generator only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.data.geometry import Field


@dataclass(frozen=True)
class Normal:
    """Normal with a mean and a standard deviation, cut to [low, high]."""

    mean: float
    sd: float
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high)."""

    low: float = 0.0
    high: float = 1.0


Table = Mapping[str, Normal | Uniform]
Values = Mapping[str, Field]


def draw(table: Table, generators: Sequence[np.random.Generator]) -> dict[str, Field]:
    """One value per film for every line of the table.

    Args:
        table: name -> distribution.
        generators: one per film; each advances by the length of the table.

    Returns:
        name -> [N, 1, 1] float32.
    """
    normals = {name: law for name, law in table.items() if isinstance(law, Normal)}
    uniforms = {name: law for name, law in table.items() if isinstance(law, Uniform)}
    scores = np.empty((len(generators), len(normals)))
    shares = np.empty((len(generators), len(uniforms)))
    for film, generator in enumerate(generators):
        generator.standard_normal(out=scores[film])
        generator.random(out=shares[film])
    values = {
        name: np.clip(law.mean + law.sd * scores[:, k], law.low, law.high)
        for k, (name, law) in enumerate(normals.items())
    }
    values |= {name: law.low + (law.high - law.low) * shares[:, k] for k, (name, law) in enumerate(uniforms.items())}
    return {name: value.astype(np.float32)[:, None, None] for name, value in values.items()}


def white_noise(generators: Sequence[np.random.Generator], size: int) -> Field:
    """Two fields of standard normal noise per film, [N, 2, S, S]: the body's texture and the detector's."""
    noise = np.empty((len(generators), 2, size, size), dtype=np.float32)
    for film, generator in enumerate(generators):
        generator.standard_normal(out=noise[film], dtype=np.float32)
    return noise
