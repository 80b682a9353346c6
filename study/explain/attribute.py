"""One door to all attribution methods of the registry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from study.errors import UnsupportedError
from study.explain.sharing import Call, one_pass
from study.records import Classifier
from study.registry import ATTRIBUTIONS, unknown

References = Callable[[], Iterator[Tensor]]


class Request(NamedTuple):
    """A method by its name in the registry, parameters that differ from its defaults, and a seed per image."""

    name: str
    settings: Mapping[str, Any] | None = None
    seeds: Sequence[int] | None = None


def attribute(
    name: str,
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    references: References | None = None,
) -> Tensor:
    """Raw signed attribution maps of one method.

    Args:
        name: of the registry, such as `gradcam`.
        classifier: in eval mode.
        images: [B, C, H, W] normalised; left as they are.
        targets: [B] class index that is explained in each image.
        settings: parameters that differ from the registry's defaults.
        seeds: one per image, read by methods that draw random numbers; the same seed gives
            the same map whatever else is in the batch.
        references: gives films that the model was trained on, [b, C, H, W] normalised at a time, read by
            methods that compare with them (IBA).

    Returns:
        [B, h, w] float32; CAMs at the size of their layer, everything else at [H, W].

    Raises:
        UnsupportedError: unknown method or parameter, a method that is not defined for the model, a random
            method without its seeds, or one that compares with other films without these.
    """
    return attribute_many([Request(name, settings, seeds)], classifier, images, targets, references=references)[0]


def attribute_many(
    requests: Sequence[Request],
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    references: References | None = None,
) -> list[Tensor]:
    """Raw maps of several methods, made in one pass over the images.

    Bit for bit those of `attribute`, one request after the other. But what several methods ask of the model, such
    as the feature maps of a layer and their gradients, is worked out once (see `study.explain.sharing`).

    Args:
        requests: a method may stand here several times, with other settings.
        classifier: in eval mode; must not be changed by another thread meanwhile.
        images: as above.
        targets: as above.
        references: as above.

    Returns:
        Maps of each request.

    Raises:
        UnsupportedError: as above, before anything is computed, if any of the requests cannot be met.
    """
    calls = [_call(request, classifier, len(images), references) for request in requests]
    with torch.inference_mode(False), torch.no_grad():
        # Tensors born under inference mode cannot carry gradients; a copy of them can.
        images, targets = (t.clone() if t.is_inference() else t for t in (images, targets))
        return [raw.float() for raw in one_pass(calls, classifier, images, targets)]


def _call(request: Request, classifier: Classifier, count: int, references: References | None) -> Call:
    """The method with all its parameters, or the reason why it cannot be called."""
    name, settings, seeds = request
    if name not in ATTRIBUTIONS:
        raise UnsupportedError(ATTRIBUTIONS.unknown(name))
    entry = ATTRIBUTIONS[name]
    if classifier.family not in entry.families:
        raise UnsupportedError(
            f"{name} is not defined for {classifier.name} (family '{classifier.family}'); "
            f"it is for: {', '.join(entry.families)}"
        )
    parameters = dict(entry.parameters)
    for key, value in (settings or {}).items():
        if key not in parameters:
            raise UnsupportedError(unknown(f"parameter of {name}", key, parameters))
        parameters[key] = value
    if entry.random:
        if seeds is None or len(seeds) != count:
            given = "none" if seeds is None else len(seeds)
            raise UnsupportedError(f"{name} needs one seed per image: {count} images, seeds given: {given}")
        parameters["seeds"] = seeds
    if entry.references:
        if references is None:
            raise UnsupportedError(f"{name} needs films that the model was trained on to compare with (references)")
        parameters["references"] = references
    return Call(ATTRIBUTIONS.load(name), parameters)
