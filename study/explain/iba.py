"""IBA: how many bits of each place of a layer the class needs.

Noise is mixed into a layer's features, as much as the class stands; what cannot be replaced by noise is information
that the model uses. Statistics of the features, which the noise imitates, come from films the model was trained on.

Reference: Schulz et al., Restricting the Flow: Information Bottlenecks for Attribution, ICLR 2020, arXiv:2001.00396,
section 3.1 (per-sample bottleneck), with the constants of the authors' code (BioroboticsLab/IBA 7b2fbd5).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import UnsupportedError
from study.explain.activations import activations
from study.explain.gradients import chunks, rows_at_a_time
from study.explain.layers import feature_layers, feature_map, layer_name
from study.records import Classifier, Outputs
from study.rng import torch_generator

START = 5.0
"""First value of alpha: sigmoid(5) = 0.993 of the features pass."""

SMALLEST_SD = 0.01
ACTIVE_SHARE = 0.01
BLUR_SIGMA, BLUR_RADIUS = 1.0, 2
LEARNING_RATE = 1.0


class Statistics(NamedTuple):
    """Of a layer's features over films of training.

    Attributes:
        mean: [K, h, w] float32.
        sd: [K, h, w] float32, divided by n - 1; not yet floored at 0.01.
        active: [K, h, w] bool, not zero in more than 1 % of the films.
        n: number of films. The authors ask for 1000 or more: few make the standard deviation unsure.
    """

    mean: Tensor
    sd: Tensor
    active: Tensor
    n: int


class Bottleneck(NamedTuple):
    """What the optimisation ends with.

    Attributes:
        capacity: [B, K, h, w] nats that pass, of the last forward pass, that is before the last update.
        losses: [B, steps] cross entropy + beta * mean capacity, before each update.
    """

    capacity: Tensor
    losses: Tensor


_KNOWN: WeakKeyDictionary[nn.Module, dict[tuple[str, torch.Size], Statistics]] = WeakKeyDictionary()


def iba(
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    seeds: Sequence[int],
    references: Callable[[], Iterator[Tensor]],
    layer: int | str | None = None,
    beta: float = 10.0,
    steps: int = 10,
    samples: int = 10,
) -> Tensor:
    """Bits that pass a bottleneck at a layer, summed over channels.

    On transformers, which the authors do not treat, it is our extension: the bottleneck lies on the patch tokens
    behind a block, laid out as an image; class and register tokens pass untouched.

    Args:
        classifier: any.
        images: [B, C, H, W] normalised.
        targets: [B] class index that must stay recognised.
        seeds: one per image, for the noise.
        references: gives films of training, [b, C, H, W] at a time, at least 2 in all. Read once per model, layer
            and size of film; what was found then is used as long as the model's module lives.
        layer: None for the middle one (layer2 of a ResNet, as the authors; the second transition of DenseNet-121;
            block 6 of 12 of a transformer), an integer for the depth from 1, or a module's name.
        beta: weight of the information against the class.
        steps: updates of the optimiser, at least 1.
        samples: noisy copies per image and step, at least 1.

    Returns:
        [B, h, w] bits per place of the layer, at least 0.

    Raises:
        UnsupportedError: fewer than 2 references or references of another size, no such layer, a layer that is no
            feature map or that runs more than once.
    """
    if steps < 1 or samples < 1:
        raise UnsupportedError(f"iba needs at least 1 step and 1 sample; found steps {steps}, samples {samples}")
    name = bottleneck_layer(classifier, layer)
    found = feature_statistics(
        classifier, name, lambda: (films.to(images.device) for films in references()), images.shape[1:]
    )
    size = (images.shape[-2], images.shape[-1])
    together = max(1, rows_at_a_time(size) // samples)
    maps = []
    for start in range(0, len(images), together):
        here = slice(start, start + together)
        draw = noise_of(seeds[here], (samples, *found.mean.shape))
        passed = bottleneck(
            classifier.module,
            name,
            images[here],
            targets[here],
            statistics=found,
            noise=draw,
            beta=beta,
            steps=steps,
            outputs=classifier.outputs,
        )
        maps.append(passed.capacity.sum(dim=1).clamp(min=0) / math.log(2))
    return torch.cat(maps)


def bottleneck_layer(classifier: Classifier, layer: int | str | None) -> str:
    """Name of the module whose output is restricted; of a transformer the block, not its normalised input."""
    count = len(feature_layers(classifier.module))
    name = layer_name(classifier, (count + 1) // 2 if layer is None and count else layer)
    return name if isinstance(layer, str) else name.removesuffix(".norm1")


def feature_statistics(
    classifier: Classifier, name: str, references: Callable[[], Iterator[Tensor]], shape: Sequence[int]
) -> Statistics:
    """Statistics of the module `name` over the references, films of `shape` (C, H, W); read once, then remembered."""
    known = _KNOWN.setdefault(classifier.module, {})
    key = (name, torch.Size(shape))
    if key not in known:
        known[key] = _estimated(classifier, name, references(), shape)
    return known[key]


def noise_of(seeds: Sequence[int], shape: Sequence[int]) -> Callable[[int], Tensor]:
    """Standard normal noise [B, *shape] for one step after the other, each image's from its own seed."""
    generators = [torch_generator("iba", seed) for seed in seeds]
    return lambda _step: torch.stack([torch.randn(tuple(shape), generator=generator) for generator in generators])


def bottleneck(
    module: nn.Module,
    name: str,
    images: Tensor,
    targets: Tensor,
    *,
    statistics: Statistics,
    noise: Callable[[int], Tensor],
    beta: float,
    steps: int,
    outputs: Outputs = "softmax",
) -> Bottleneck:
    """Finds for each image how much noise its class stands; images do not interact.

    Args:
        module: the classifier's.
        name: of the module whose output is restricted.
        images: [B, C, H, W].
        targets: [B].
        statistics: of that module's output.
        noise: step -> [B or 1, samples, K, h, w] standard normal.
        beta: as in `iba`.
        steps: as in `iba`.
        outputs: of the classifier; with `sigmoid` the cross entropy is that of the target's own probability.
    """
    output = _output(module, name, images)
    size = (images.shape[-2], images.shape[-1])
    features = feature_map(module, output, size)
    mean, sd, active = (part.to(features.device) for part in statistics[:3])
    sd = sd.clamp(min=SMALLEST_SD)
    alpha = torch.full_like(features, START).requires_grad_()
    optimiser = torch.optim.Adam([alpha], lr=LEARNING_RATE)
    capacity, losses = torch.zeros_like(features), []
    for step in range(steps):
        drawn = mean + sd * noise(step).to(features)
        with torch.enable_grad():
            kept, lost = blurred(alpha.sigmoid()), blurred((-alpha).sigmoid())
            mixed = (kept * features)[:, None] + lost[:, None] * drawn
            nats = information(kept, lost, (features - mean) / sd) * active
            logits = _replaced(module, name, images, _like(output, (mixed * active).flatten(0, 1)))
            loss = _cross_entropy(logits, targets, outputs) + beta * nats.mean(dim=(1, 2, 3))
            alpha.grad = torch.autograd.grad(loss.sum(), alpha)[0]
        optimiser.step()
        capacity = nats.detach()
        losses.append(loss.detach())
    return Bottleneck(capacity, torch.stack(losses, dim=1))


def information(kept: Tensor, lost: Tensor, standardised: Tensor) -> Tensor:
    """Nats that an element passes: KL of N(kept * r, lost^2) from N(0, 1); kept + lost = 1, any shape.

    `lost` comes by itself because 1 - kept rounds to 0 where nearly everything passes.
    """
    lost = lost.clamp(min=torch.finfo(lost.dtype).tiny)
    return 0.5 * (kept**2 * standardised**2 + lost**2 - 1) - lost.log()


def blurred(maps: Tensor) -> Tensor:
    """Gaussian blur, sigma 1 and 5 x 5, of maps [..., h, w], mirrored at the outermost places, of any size."""
    rows, columns = (_blur_matrix(count).to(maps) for count in maps.shape[-2:])
    return rows @ maps @ columns.T


def _blur_matrix(count: int) -> Tensor:
    """The blur along one axis as [count, count]; the kernel is separable, and a product has the same bits anywhere."""
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1)
    kernel = torch.exp(-(offsets.double() ** 2) / (2 * BLUR_SIGMA**2))
    period = max(2 * (count - 1), 1)
    reached = (torch.arange(count)[:, None] + offsets) % period
    reached = torch.minimum(reached, period - reached)
    weights = (kernel / kernel.sum()).expand(count, -1)
    return torch.zeros(count, count, dtype=torch.float64).scatter_add_(1, reached, weights)


def _cross_entropy(logits: Tensor, targets: Tensor, outputs: Outputs) -> Tensor:
    """-log p of the target, mean over each image's copies, [B]; copies of an image follow each other."""
    samples = len(logits) // len(targets)
    repeated = targets.repeat_interleave(samples)
    if outputs == "sigmoid":
        losses = F.softplus(-logits.gather(1, repeated[:, None])[:, 0])
    else:
        losses = F.cross_entropy(logits, repeated, reduction="none")
    return losses.view(len(targets), samples).mean(dim=1)


def _estimated(classifier: Classifier, name: str, films: Iterator[Tensor], shape: Sequence[int]) -> Statistics:
    """Mean and variance of chunk after chunk, merged in float64 (Chan et al., 1979)."""
    n, mean, squares, nonzero = 0, torch.zeros(()), torch.zeros(()), torch.zeros(())
    for batch in films:
        if tuple(batch.shape[1:]) != tuple(shape):
            raise UnsupportedError(f"iba: films are {tuple(shape)}, those to compare with are {tuple(batch.shape[1:])}")
        for piece in chunks(len(batch), (shape[-2], shape[-1])):
            features = activations(classifier, name, batch[piece]).double()
            count, centre = len(features), features.mean(dim=0)
            away = centre - mean
            squares = squares + (features - centre).square().sum(dim=0) + away**2 * (n * count / (n + count))
            mean = mean + away * (count / (n + count))
            nonzero = nonzero + (features != 0).sum(dim=0)
            n += count
    if n < 2:
        raise UnsupportedError(
            f"iba estimates a standard deviation and needs 2 or more films that the model was trained on, better "
            f"1000; found {n}"
        )
    return Statistics(mean.float(), (squares / (n - 1)).sqrt().float(), nonzero / n > ACTIVE_SHARE, n)


def _output(module: nn.Module, name: str, images: Tensor) -> Tensor:
    """A copy of what the module `name` gives, which nothing behind it can overwrite."""
    recorded: list[Tensor] = []
    with torch.no_grad(), _hooked(module, name, lambda output: recorded.append(output.detach().clone())):
        module(images)
    if len(recorded) != 1:
        raise UnsupportedError(f"iba: module '{name}' runs {len(recorded)} times in a forward pass; it must run once")
    return recorded[0]


def _replaced(module: nn.Module, name: str, images: Tensor, output: Tensor) -> Tensor:
    """Logits when the module `name` gives `output`, n rows for each image.

    Nothing leads around the layers of a known layout, so the network before them sees each image once. Around any
    other module something may, and has to be there n times.
    """
    if name not in (known.removesuffix(".norm1") for known in feature_layers(module)):
        images = images.repeat_interleave(len(output) // len(images), dim=0)
    with _hooked(module, name, lambda _output: output):
        logits: Tensor = module(images)
    return logits


@contextmanager
def _hooked(module: nn.Module, name: str, answer: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    hook = module.get_submodule(name).register_forward_hook(lambda _module, _inputs, output: answer(output))
    try:
        yield
    finally:
        hook.remove()


def _like(output: Tensor, maps: Tensor) -> Tensor:
    """Maps [n * B, K, h, w] in the layout of `output`: themselves, or as tokens behind the prefix of each image."""
    if output.ndim == 4:
        return maps
    tokens = maps.flatten(2).transpose(1, 2)
    prefix = output[:, : output.shape[1] - tokens.shape[1]].repeat_interleave(len(maps) // len(output), dim=0)
    return torch.cat((prefix, tokens), dim=1)
