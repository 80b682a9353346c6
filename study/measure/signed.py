"""The raw maps of a batch: signed, and at the size at which the method made them.

Robustness and sanity checks compare a method with itself. They do so before anything was cut or
resized, so that they speak of the method and not of its display.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from study.records import ExplainedBatch


class Signed(NamedTuple):
    """Raw maps and how they are made.

    Attributes:
        maps: [B, h, w] signed, any scale.
        explain: (images, targets) of the whole batch -> maps like these.
    """

    maps: Tensor
    explain: Callable[[Tensor, Tensor], Tensor]


def signed(batch: ExplainedBatch) -> Signed:
    """What the batch says its raw maps are; `attributions` and `explain` where it says nothing."""
    return Signed(
        maps=batch.attributions if batch.signed is None else batch.signed,
        explain=batch.explain if batch.explain_signed is None else batch.explain_signed,
    )
