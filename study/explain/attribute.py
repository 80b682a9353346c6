"""One door to all attribution methods of the registry."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from study.errors import UnsupportedError
from study.records import Classifier
from study.registry import ATTRIBUTIONS, unknown


def attribute(
    name: str,
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
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

    Returns:
        [B, h, w] float32; CAMs at the size of their layer, everything else at [H, W].

    Raises:
        UnsupportedError: unknown method or parameter, a method that is not defined for the
            family of the model, or a random method without its seeds.
    """
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
        if seeds is None or len(seeds) != len(images):
            given = "none" if seeds is None else len(seeds)
            raise UnsupportedError(f"{name} needs one seed per image: {len(images)} images, seeds given: {given}")
        parameters["seeds"] = seeds
    method = ATTRIBUTIONS.load(name)
    with torch.inference_mode(False), torch.no_grad():
        # Tensors born under inference mode cannot carry gradients; a copy of them can.
        images, targets = (t.clone() if t.is_inference() else t for t in (images, targets))
        raw: Tensor = method(classifier, images, targets, **parameters)
    return raw.float()
