"""What the units of a layer answer to images: their feature maps, as network dissection reads them."""

import torch
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain.gradients import chunks
from study.explain.layers import feature_layers, feature_map, layer_name
from study.records import Classifier


class _Reached(Exception):
    """The layer has answered; what comes behind it need not be computed."""


def activations(classifier: Classifier, layer: int | str | None, images: Tensor) -> Tensor:
    """Feature maps of a layer, without gradients.

    Args:
        classifier: CNN or vision transformer; `layer` needs timm's names, or a module's name.
        layer: as in `study.explain.gradcam.gradcam`: None for the deepest feature map, an integer for the
            depth from 1, or a module's name; of a module that is called more than once the last answer.
        images: [B, C, H, W] normalised; left as they are.

    Returns:
        [B, K, h, w] in the network's precision; the patch tokens of a transformer as a grid.

    Raises:
        UnsupportedError: no such layer, one that takes no part in the forward pass, or one whose output is
            not a feature map.
    """
    name = layer_name(classifier, layer)
    module, size = classifier.module, (images.shape[-2], images.shape[-1])
    with torch.inference_mode():
        outputs = [_output(module, name, images[piece]) for piece in chunks(len(images), size)]
        maps = [feature_map(module, output, size) for output in outputs]
    # concatenated outside, so that the result is an ordinary tensor
    return torch.cat(maps)


def _output(module: nn.Module, name: str, images: Tensor) -> Tensor:
    """What the module `name` returns; behind a known feature layer, which is called once, nothing is computed."""
    recorded: list[Tensor] = []
    ends = name in feature_layers(module)

    def record(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        recorded[:] = [output if ends else output.clone()]  # what follows may overwrite it
        if ends:
            raise _Reached

    hook = module.get_submodule(name).register_forward_hook(record)
    try:
        module(images)
    except _Reached:
        pass
    finally:
        hook.remove()
    if not recorded:
        raise UnsupportedError(f"module '{name}' takes no part in the network's forward pass")
    return recorded[0]
