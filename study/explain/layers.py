"""Where a network keeps its feature maps, by depth or by name."""

import difflib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.records import Classifier

Layout = Callable[[nn.Module], list[str]]


def layer_name(classifier: Classifier, layer: int | str | None) -> str:
    """Module name of a layer.

    Args:
        classifier: whose module is searched.
        layer: None for the deepest feature map, an integer for the depth counted from 1
            (stages of a CNN, blocks of a transformer), or the name of a module.

    Raises:
        UnsupportedError: no such depth or module, or a network whose layout is unknown.
    """
    if isinstance(layer, str):
        return _by_name(classifier, layer)
    names = feature_layers(classifier.module)
    if not names:
        raise UnsupportedError(
            f"{classifier.name}: no layout that is known here (vision transformer, ResNet, DenseNet, VGG, "
            "EfficientNet, ConvNeXt); name the module, such as layer: stages.3"
        )
    if layer is None:
        return names[-1]
    if not 1 <= layer <= len(names):
        raise UnsupportedError(
            f"{classifier.name} has no layer {layer}; its layers are 1 to {len(names)} ({names[0]} to {names[-1]})"
        )
    return names[layer - 1]


def feature_layers(module: nn.Module) -> list[str]:
    """Names of the modules whose outputs are the feature maps, shallow to deep; empty if unknown.

    Every one is taken after its non-linearity, where a network has one there: the stages of a
    ResNet, the normalised and rectified input of what follows a dense block, the pooled stages
    of a VGG. In a transformer it is the normalised input of each attention: after the last
    attention the patch tokens of a class-token head have no gradient at all.
    """
    for prefix, candidate in module.named_modules():
        for fits, layout in _LAYOUTS:
            if all(hasattr(candidate, part) for part in fits):
                return [f"{prefix}.{name}" if prefix else name for name in layout(candidate)]
    return []


def feature_map(module: nn.Module, output: Tensor, size: tuple[int, int]) -> Tensor:
    """A layer's output for images of `size` (H, W) as a feature map [B, K, h, w]; tokens are laid out as a grid.

    Raises:
        UnsupportedError: an output that is neither, or tokens that do not fit the image.
    """
    if output.ndim == 4:
        return output
    if output.ndim == 3:
        return token_grid(module, output, size)
    raise UnsupportedError(
        f"this layer's output has {output.ndim} axes; a feature map [B, K, h, w] or tokens are needed"
    )


def token_grid(module: nn.Module, tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Patch tokens [B, T, D] of images of `size` as a feature map [B, D, H / p, W / p].

    Raises:
        UnsupportedError: the module does not say its patch size and number of prefix tokens, or
            they do not fit the tokens.
    """
    transformer: Any = next(
        (m for m in module.modules() if hasattr(m, "patch_embed") and hasattr(m, "num_prefix_tokens")), None
    )
    if transformer is None:
        raise UnsupportedError(
            "this layer returns tokens, but no module of the network has both `patch_embed` and "
            "`num_prefix_tokens`, so they cannot be laid out as an image"
        )
    prefix: int = transformer.num_prefix_tokens
    height, width = transformer.patch_embed.patch_size
    rows, columns = size[0] // height, size[1] // width
    if tokens.shape[1] - prefix != rows * columns:
        raise UnsupportedError(
            f"{tokens.shape[1]} tokens, of which {prefix} in front, do not make a grid of {rows} x {columns} patches"
        )
    return tokens[:, prefix:].transpose(1, 2).reshape(len(tokens), -1, rows, columns)


def _by_name(classifier: Classifier, name: str) -> str:
    names = [known for known, _ in classifier.module.named_modules() if known]
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
    raise UnsupportedError(
        f"{classifier.name} has no module '{name}'" + (f"; the nearest names are: {', '.join(near)}" if near else "")
    )


def _blocks(module: nn.Module) -> list[str]:
    return [f"blocks.{name}.norm1" for name, _ in module.get_submodule("blocks").named_children()]


def _resnet(module: nn.Module) -> list[str]:
    return ["layer1", "layer2", "layer3", "layer4"]


def _densenet(module: nn.Module) -> list[str]:
    features = dict(module.get_submodule("features").named_children())
    transitions = [name for name in features if name.startswith("transition")]
    return [*(f"features.{name}.norm" for name in transitions), "features.norm5"]


def _stages(module: nn.Module) -> list[str]:
    return [f"stages.{name}" for name, _ in module.get_submodule("stages").named_children()]


def _efficientnet(module: nn.Module) -> list[str]:
    return [*(f"blocks.{name}" for name, _ in module.get_submodule("blocks").named_children()), "bn2"]


def _vgg(module: nn.Module) -> list[str]:
    children = module.get_submodule("features").named_children()
    return [f"features.{name}" for name, child in children if isinstance(child, torch.nn.MaxPool2d)]


_LAYOUTS: tuple[tuple[tuple[str, ...], Layout], ...] = (
    (("patch_embed", "blocks"), _blocks),
    (("layer1", "layer2", "layer3", "layer4"), _resnet),
    (("features", "classifier"), _densenet),
    (("features", "pre_logits"), _vgg),
    (("conv_head", "bn2", "blocks"), _efficientnet),
    (("stem", "stages"), _stages),
)
"""Parts by which a network is recognised -> how its layers are named (timm's names)."""
