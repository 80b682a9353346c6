"""Networks whose weights were drawn anew, from the output towards the input.

An explanation of a model should change when the model does. `cascade` takes the model apart step by step,
`randomised_weights` is the end of that way as a control: the map of a network that has learned nothing.

Reference: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, arXiv:1810.03292, section 3.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain.attribute import attribute
from study.records import Classifier
from study.registry import ATTRIBUTIONS
from study.rng import seed_of

TOKEN_SD = 0.02
"""Standard deviation of tokens, positions and the like: what vision transformers start with."""

_OPENED = ("blocks", "features", "stages")
"""Containers whose children are parts of their own."""

_STAGE = re.compile(r"layer\d+|denseblock\d+|blocks\.\w+|stages\.\w+|stage\d+")
"""Parts that what stands before the first of them is the stem of."""


class Part(NamedTuple):
    """What is redrawn together: a name for reports, and the names of all modules in it that hold parameters."""

    name: str
    modules: tuple[str, ...]


_REDRAWN: WeakKeyDictionary[nn.Module, dict[int, nn.Module]] = WeakKeyDictionary()


def randomised_weights(
    classifier: Classifier, images: Tensor, targets: Tensor, *, method: str = "saliency", draw: int = 0
) -> Tensor:
    """Map of a method on the network with all weights redrawn (the last step of `cascade`).

    Args:
        classifier: gives the architecture.
        images: [B, C, H, W] normalised.
        targets: [B] class index.
        method: of the registry, with its default settings; no control, and none that needs seeds or references.
        draw: number of the redrawn network.

    Returns:
        As the method's, signed, so that the control goes the same way as what it stands beside: `to_input_size`
        cuts its negative values if, and only if, it cuts the method's.

    Raises:
        UnsupportedError: another method, or one that is not defined for the model.
    """
    allowed = [name for name, it in ATTRIBUTIONS.items() if not (it.control or it.random or it.references)]
    if method not in allowed:
        raise UnsupportedError(
            f"control_randomised cannot use method '{method}': it is for explanations that need no seeds and no "
            f"other films\nallowed: {', '.join(sorted(allowed))}"
        )
    known = _REDRAWN.setdefault(classifier.module, {})
    if draw not in known:
        known[draw] = redrawn(classifier, draw=draw).module
    return attribute(method, replace(classifier, module=known[draw]), images, targets)


def cascade(classifier: Classifier, *, draw: int) -> Iterator[tuple[str, Classifier]]:
    """The network with its weights redrawn from the output down to one part after the other.

    Linear layers, convolutions and norms start as PyTorch and timm start them (`reset_parameters`). Batch
    normalisation gets weight 1, bias 0, mean 0 and variance 1: with the statistics of the trained features, random
    ones are often cut to nothing by the ReLU behind it, and a map that is zero can be compared with none. Tokens, position embeddings and other
    parameters without such a start are drawn from N(0, 0.02^2). What is drawn for a part depends on `draw` and on
    the part's name only, on every device.

    Args:
        classifier: left as it is.
        draw: number of the drawing.

    Yields:
        Name of the part that was redrawn last (head first, patch embedding or stem last), and a classifier of its
        own, so that those from before stay as they were.
    """
    network = _copy(classifier.module)
    for part in parts(network):
        _redraw(network, part, draw)
        yield part.name, _like(classifier, _copy(network))


def redrawn(classifier: Classifier, *, draw: int) -> Classifier:
    """The classifier that `cascade` ends with: all weights redrawn."""
    network = _copy(classifier.module)
    for part in parts(network):
        _redraw(network, part, draw)
    return _like(classifier, network)


def parts(module: nn.Module) -> tuple[Part, ...]:
    """What a network is redrawn by, output first.

    Head, norm, each block and the patch embedding (with tokens and positions) of a transformer; head, each stage
    and the stem of a ResNet, DenseNet, VGG, EfficientNet or ConvNeXt; of any other network its children, of which
    the last is taken for the output.
    """
    root = _root(module)
    inner = module.get_submodule(root)
    children = [piece for name, child in inner.named_children() for piece in _opened(name, child)]
    found = [Part(name, _holding(inner, modules)) for name, modules in children]
    found = _with_stem([part for part in found if part.modules])
    if inner._parameters:
        first, *others = found or [Part("weights", ())]
        found = [Part(first.name, (*first.modules, "")), *others]
    return tuple(Part(name, tuple(_joined(root, held) for held in modules)) for name, modules in reversed(found))


def _root(module: nn.Module) -> str:
    """Name of the module that is the network: below wrappers that hold nothing else."""
    holding = [name for name, child in module.named_children() if _holding(child, ("",))]
    if module._parameters or len(holding) != 1:
        return ""
    only = module.get_submodule(holding[0])
    branches = [child for child in only.children() if _holding(child, ("",))]
    return _joined(holding[0], _root(only)) if branches else ""


def _opened(name: str, child: nn.Module) -> list[Part]:
    """A child as one part, or what a container holds, shallow to deep; of a VGG the stages up to each pooling."""
    if name not in _OPENED:
        return [Part(name, (name,))]
    inner = {f"{name}.{key}": module for key, module in child.named_children()}
    pools = [isinstance(module, nn.MaxPool2d) for module in inner.values()]
    if sum(pools) < 2:
        return [Part(key.removeprefix("features."), (key,)) for key in inner]
    behind = [sum(pools[:place]) for place in range(len(pools))]
    stages = (tuple(key for key, stage in zip(inner, behind, strict=True) if stage == k) for k in range(sum(pools) + 1))
    return [Part(f"stage{k}", stage) for k, stage in enumerate(stages, start=1)]


def _with_stem(shallow_to_deep: list[Part]) -> list[Part]:
    """Several parts before the first stage become one."""
    before = next((place for place, part in enumerate(shallow_to_deep) if _STAGE.fullmatch(part.name)), 0)
    if before < 2:
        return shallow_to_deep
    stem = Part("stem", tuple(name for part in shallow_to_deep[:before] for name in part.modules))
    return [stem, *shallow_to_deep[before:]]


def _holding(module: nn.Module, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the modules in and below `names` that hold parameters of their own."""
    return tuple(
        _joined(name, below)
        for name in names
        for below, inner in module.get_submodule(name).named_modules()
        if any(parameter is not None for parameter in inner._parameters.values())
    )


def _joined(*names: str) -> str:
    return ".".join(name for name in names if name)


def _copy(module: nn.Module) -> nn.Module:
    """A copy on the CPU, where the same numbers are drawn for every device."""
    with torch.inference_mode(False):
        return copy.deepcopy(module).cpu()


def _like(classifier: Classifier, network: nn.Module) -> Classifier:
    """The classifier with this network, on the device that its own is on."""
    held = next(classifier.module.parameters(), None)
    return replace(classifier, module=network if held is None else network.to(held.device))


def _redraw(network: nn.Module, part: Part, draw: int) -> None:
    with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would also seed the accelerators and leave them so.
        torch.default_generator.manual_seed(seed_of("randomised", draw, part.name))
        for name in part.modules:
            _start(network.get_submodule(name))


def _start(module: nn.Module) -> None:
    """Draws the parameters that this module itself holds."""
    if callable(reset := getattr(module, "reset_parameters", None)):
        reset()
    else:
        for parameter in module.parameters(recurse=False):
            nn.init.normal_(parameter, std=TOKEN_SD)
