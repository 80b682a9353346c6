"""Model names of a protocol -> untrained modules, and which of their weights are the trunk.

Two small models of our own make a study possible in minutes on two cores; every other name
is looked up in timm.
"""

from __future__ import annotations

import difflib
from functools import partial
from typing import Any, Literal

import timm
import torch
from timm.models.densenet import DenseNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from study.errors import StudyError, UnsupportedError
from study.records import Family
from study.registry import MODELS, model_family
from study.train.positions import sincos

HEADS = ("head", "head_dist", "fc_norm", "fc", "classifier", "attn_pool")
"""First parts of the names of everything between the trunk's features and the logits."""

POOL_NORM = ("norm.weight", "norm.bias")
"""In front of a class token's head; where patches are averaged, the head has its own (`fc_norm`) instead."""

Pool = Literal["own", "mean", "token"]

EPS = 1e-6
PHANTOM_PATCH = 8


def build(
    name: str, *, num_classes: int, image_size: int, in_chans: int, drop_path: float = 0.0, pool: Pool = "own"
) -> nn.Module:
    """An untrained classifier: [B, in_chans, S, S] normalised images -> [B, num_classes] logits.

    Args:
        name: `vit_phantom`, `densenet_phantom` or a name of timm.
        num_classes: logits.
        image_size: side S of the square images, pixels; a multiple of the patch size for ViTs.
        in_chans: channels of the images.
        drop_path: largest rate of stochastic depth, [0, 1).
        pool: what the head of a ViT reads: the `mean` of the patches, the class `token`, or the model's `own`.

    Returns:
        The module in training mode. Its weights are drawn from torch's global generator.

    Raises:
        StudyError: unknown name, or a size that does not fit the model.
        UnsupportedError: a family we do not know, or drop path or a class token where the model has none.
    """
    family = family_of(name)
    if pool == "token" and family != "vit":
        raise UnsupportedError(f"model '{name}' has no class token to read; set pool to mean or leave it out")
    if name == "vit_phantom":
        return _vit_phantom(num_classes, image_size, in_chans, drop_path, "token" if pool == "token" else "avg")
    if name == "densenet_phantom":
        _refuse_drop_path(name, drop_path)
        return _densenet_phantom(num_classes, in_chans)
    options: dict[str, Any] = {"num_classes": num_classes, "in_chans": in_chans, "pretrained": False}
    if family == "vit":
        options["img_size"] = image_size
        options |= {} if pool == "own" else {"global_pool": {"mean": "avg", "token": "token"}[pool]}
    if drop_path > 0:
        if name.startswith(("densenet", "vgg")):
            _refuse_drop_path(name, drop_path)
        options["drop_path_rate"] = drop_path
    try:
        module: nn.Module = timm.create_model(name, **options)
    except AssertionError as error:  # timm's answer to a head that the model cannot have
        if pool == "own":
            raise
        raise UnsupportedError(f"model '{name}' has no head that reads pool '{pool}'; leave pool out") from error
    _check_patches(name, module, image_size)
    return module


def family_of(name: str) -> Family:
    """`vit` or `cnn`.

    Raises:
        StudyError: neither ours nor timm's.
        UnsupportedError: timm's, but of a family without attribution methods here.
    """
    if name not in MODELS and not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], [*MODELS, *timm.list_models()], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(repr(match) for match in near)}?" if near else "no name is close to it."
        raise StudyError(
            f"'{name}' is not a known model; {hint}\nknown: {', '.join(sorted(MODELS))} and every name of timm "
            f"{timm.__version__}"
        )
    family = model_family(name)
    if family is None:
        raise UnsupportedError(
            f"model '{name}' exists in timm, but it is neither a plain ViT nor one of the known CNNs\n"
            "use a name that begins with vit_, deit, densenet, resnet, resnext, vgg, efficientnet or convnext"
        )
    return family


def placed(module: nn.Module, device: torch.device | str, family: Family) -> nn.Module:
    """The module on a device, convolutions with channels last: about 1.4 times as fast on a CPU."""
    moved: nn.Module = module.to(device)
    return moved.to(memory_format=torch.channels_last) if family == "cnn" else moved


def trunk(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers up to the features, by timm's names: what one stage passes to the next."""
    return {name: value for name, value in module.state_dict().items() if not is_head(name)}


def is_head(name: str) -> bool:
    """Whether a weight lies between the trunk's features and the logits."""
    return name.split(".")[0] in HEADS


def _refuse_drop_path(name: str, drop_path: float) -> None:
    if drop_path > 0:
        raise UnsupportedError(f"model '{name}' has no residual branches to drop; set drop_path to 0")


def _check_patches(name: str, module: nn.Module, image_size: int) -> None:
    patch = getattr(getattr(module, "patch_embed", None), "patch_size", None)
    if patch is not None and (image_size % patch[0] or image_size % patch[1]):
        raise StudyError(
            f"model '{name}' cuts images into patches of {patch[0]} px; image_size {image_size} is not a multiple of it"
        )


def _vit_phantom(num_classes: int, image_size: int, in_chans: int, drop_path: float, pool: str) -> nn.Module:
    if image_size % PHANTOM_PATCH:
        raise StudyError(
            f"model 'vit_phantom' cuts images into patches of {PHANTOM_PATCH} px; image_size {image_size} "
            "is not a multiple of it"
        )
    module: Any = VisionTransformer(
        img_size=image_size,
        patch_size=PHANTOM_PATCH,
        in_chans=in_chans,
        num_classes=num_classes,
        embed_dim=64,
        depth=4,
        num_heads=4,
        global_pool=pool,
        drop_path_rate=drop_path,
        norm_layer=partial(nn.LayerNorm, eps=EPS),
    )
    xavier(module)
    nn.init.xavier_uniform_(module.patch_embed.proj.weight.view(64, -1))
    nn.init.zeros_(module.patch_embed.proj.bias)
    nn.init.normal_(module.cls_token, std=0.02)
    nn.init.trunc_normal_(module.head.weight, std=0.01)
    with torch.no_grad():
        module.pos_embed.copy_(sincos(module.patch_embed.grid_size, 64, prefix=1))
    module.pos_embed.requires_grad_(False)
    vit: nn.Module = module
    return vit


def _densenet_phantom(num_classes: int, in_chans: int) -> nn.Module:
    """Two dense blocks after the pooled stem: the last map of a 64 px film is 8 x 8."""
    module: nn.Module = DenseNet(growth_rate=16, block_config=(3, 6), num_classes=num_classes, in_chans=in_chans)
    return module


def xavier(module: nn.Module) -> None:
    """Draw every Linear of `module` as He et al. 2022 do: Xavier-uniform, zero bias."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
