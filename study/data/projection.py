"""What an anatomy hands to the detector, and the bone all anatomies are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.data.geometry import Field, Value, chord


class Projection(NamedTuple):
    """Bodies as the beam sees them.

    Attributes:
        attenuation: [N, S, S], about 0 (air) to 1.5.
        parts: [N, S, S] uint8, 0 = none, k = the anatomy's k-th part; the topmost where several overlap.
        region: [N, S, S] bool, where the label can be seen; False everywhere where it cannot.
    """

    attenuation: Field
    parts: NDArray[np.uint8]
    region: NDArray[np.bool_]


class Bone(NamedTuple):
    """A tubular bone: radius and cortex in half-widths, attenuation per path length of each layer."""

    radius: Value
    cortex: Value
    cortical: float
    trabecular: Value

    def attenuation(self, distance: Field, texture: Value = 0.0) -> Field:
        """Cortex plus trabecular core, the latter modulated by 1 + `texture`."""
        core = chord(-distance - self.cortex, self.radius - self.cortex)
        return self.cortical * (chord(-distance, self.radius) - core) + self.trabecular * core * (1 + texture)


def paint(parts: NDArray[np.uint8], distance: Field, part: int) -> None:
    """Mark the inside of a shape as this part, over whatever was there."""
    parts[np.broadcast_to(distance < 0, parts.shape)] = part
