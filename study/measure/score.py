"""One door to all metrics of the registry, with the reason for every value that is undefined."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from study.errors import UnsupportedError
from study.measure.regions import inside
from study.measure.scale import constant, finite
from study.records import ExplainedBatch
from study.registry import METRICS, Metric, unknown


class Scores(NamedTuple):
    """One value per image, and why there is none.

    Attributes:
        values: [B] float64, NaN = undefined.
        reasons: B texts, empty where the value is defined.
    """

    values: Tensor
    reasons: tuple[str, ...]


def score(name: str, batch: ExplainedBatch, settings: Mapping[str, Any] | None = None) -> Scores:
    """Values of one metric for a batch.

    Args:
        name: of the registry, such as `energy_pg`.
        batch: explained images.
        settings: parameters that differ from the registry's defaults.

    Raises:
        UnsupportedError: an unknown metric or parameter.
    """
    if name not in METRICS:
        raise UnsupportedError(METRICS.unknown(name))
    entry = METRICS[name]
    for key in settings or {}:
        if key not in entry.parameters:
            raise UnsupportedError(unknown(f"parameter of {name}", key, entry.parameters))
    values: Tensor = METRICS.load(name)(batch, **{**entry.parameters, **(settings or {})})
    undefined = values.isnan().cpu()
    if not undefined.any():
        return Scores(values, ("",) * len(values))
    causes = _causes(entry, batch)
    return Scores(values, tuple(cause if hole else "" for cause, hole in zip(causes, undefined.tolist(), strict=True)))


def _causes(entry: Metric, batch: ExplainedBatch) -> list[str]:
    """The first cause that holds for each image, in the order in which they would be noticed."""
    maps = batch.attributions
    checks = [(~finite(maps), "the map is not finite"), (constant(maps), "the map is constant")]
    if "boxes" in entry.needs:
        boxless = finite(maps).new_tensor([not len(boxes) for boxes in batch.boxes])
        checks[:0] = [
            (boxless, "the image has no box"),
            (~inside(batch).flatten(1).any(dim=1), "no box covers a pixel of the image"),
        ]
        checks.append(((maps <= 0).flatten(1).all(dim=1), "the map is nowhere positive"))
    table = [(holds.cpu().tolist(), text) for holds, text in checks]
    return [next((text for holds, text in table if holds[i]), entry.undefined) for i in range(len(maps))]
