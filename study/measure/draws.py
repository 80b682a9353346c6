"""Random numbers of metrics: one stream per image, so that neither order nor batch matters."""

import torch

from study.errors import UnsupportedError
from study.records import ExplainedBatch
from study.rng import torch_generator


def generators(batch: ExplainedBatch, metric: str) -> list[torch.Generator]:
    """A generator per image, named by the metric and the image's seed.

    Raises:
        UnsupportedError: the batch does not bring one seed per image.
    """
    images, seeds = len(batch.images), len(batch.seeds)
    if images != seeds:
        raise UnsupportedError(
            f"{metric} draws random numbers and needs one seed per image: {images} images, {seeds} seeds"
        )
    return [torch_generator(metric, seed) for seed in batch.seeds]
