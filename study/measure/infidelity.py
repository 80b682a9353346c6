"""Infidelity: how badly the map predicts what noise does to the target's probability.

Reference: Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019, arXiv:1901.09392,
Definition 2.1; `normalize` is that of captum.
"""

import torch
from torch import Tensor

from study.batching import rows_at_a_time
from study.measure.draws import generators
from study.measure.scale import finite
from study.records import ExplainedBatch


def infidelity(batch: ExplainedBatch, *, samples: int = 16, noise: float = 0.2, normalize: bool = True) -> Tensor:
    """Mean over noise I of (I · map - (p(x) - p(x - I)))², p the probability of the target.

    I is Gaussian and the same in all channels: a grey film repeated in three channels stays grey, and
    I · map is exact for a map whose channels were summed. Its standard deviation is a share of the
    film's own range, so that it does not depend on how the film was normalised.

    Args:
        batch: reads `images`, `targets`, `attributions` [B, H, W] (signed, any scale), `predict` and `seeds`.
        samples: noisy copies per image.
        noise: standard deviation of I as a share of the image's range (max - min).
        normalize: multiply each map by the factor that suits these samples best. Without it the metric
            mostly says how large a map's numbers are, and CAMs are in no unit at all.

    Returns:
        [B] float64, not negative, in squared probability; NaN where the map is zero everywhere or not finite,
        and where the film has no contrast to take the noise from.

    Raises:
        UnsupportedError: the batch does not bring one seed per image.
    """
    streams = generators(batch, "infidelity")
    spans = batch.images.flatten(1).amax(dim=1) - batch.images.flatten(1).amin(dim=1)
    size = max(1, rows_at_a_time(batch.images) // samples)
    values = [batch.images.new_zeros(0, dtype=torch.float64)]
    for start in range(0, len(streams), size):
        rows = slice(start, start + size)
        drawn = [torch.randn((samples, *batch.images.shape[-2:]), generator=stream) for stream in streams[rows]]
        films = torch.stack(drawn).to(batch.images.device) * (noise * spans[rows, None, None, None])
        change = _change(batch, rows, films)
        values.append(squared_error(films, batch.attributions[rows], change, normalize=normalize))
    zero = (batch.attributions == 0).flatten(1).all(dim=1)
    return torch.cat(values).masked_fill(zero | ~finite(batch.attributions) | (spans == 0), float("nan"))


def squared_error(perturbations: Tensor, attributions: Tensor, change: Tensor, *, normalize: bool) -> Tensor:
    """Mean over S samples of (beta I · map - change)², beta = 1 or the factor with the least error.

    Args:
        perturbations: I, [B, S, ...].
        attributions: [B, ...], of the shape of one perturbation.
        change: f(x) - f(x - I), [B, S], f any score of the target.
        normalize: beta = mean(I · map * change) / mean((I · map)²) instead of 1.

    Returns:
        [B] float64; with `normalize` NaN where every I · map is 0.
    """
    predicted = torch.einsum("bsp,bp->bs", perturbations.flatten(2).double(), attributions.flatten(1).double())
    change = change.double()
    if normalize:
        beta = (predicted * change).sum(dim=1) / predicted.square().sum(dim=1)
        predicted = predicted * beta[:, None]
    return (predicted - change).square().mean(dim=1)


def _change(batch: ExplainedBatch, rows: slice, films: Tensor) -> Tensor:
    """p(x) - p(x - I) of these images for I [b, S, H, W], which is the same in all channels: [b, S] float64."""
    images, targets = batch.images[rows], batch.targets[rows]
    samples = films.shape[1]
    index = torch.arange(films.shape[0] * samples, device=images.device)
    noisy = [
        _probabilities(batch, images[chunk // samples] - films.flatten(0, 1)[chunk, None], targets[chunk // samples])
        for chunk in torch.split(index, rows_at_a_time(images))
    ]
    original = _probabilities(batch, images, targets)
    return original[:, None] - torch.cat(noisy).view(len(images), samples)


def _probabilities(batch: ExplainedBatch, images: Tensor, targets: Tensor) -> Tensor:
    """[B] float64 probability of the target."""
    with torch.no_grad():
        probabilities = batch.predict(images)
    return probabilities.gather(1, targets[:, None].to(probabilities.device))[:, 0].double().to(images.device)
