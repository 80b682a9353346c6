"""Features of images of any size: pieces of films go through a trunk as whole films do."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import UnsupportedError
from study.train.mae_target import patchify


def plain_vit(trunk: nn.Module, name: str, task: str) -> Any:
    """The trunk, if its forward pass is that of `tokens`.

    Raises:
        UnsupportedError: it is another transformer.
    """
    plain = type(trunk) is VisionTransformer and trunk.pos_embed is not None
    plain = plain and isinstance(getattr(trunk.patch_embed, "proj", None), nn.Conv2d) and not trunk.dynamic_img_size
    if not plain:
        raise UnsupportedError(
            f"{task} pretraining needs a plain vision transformer with absolute positions; '{name}' is a "
            f"{type(trunk).__name__}"
        )
    return trunk


def encode_patches(trunk: Any, patches: Tensor, positions: Tensor) -> Tensor:
    """Features of some patches, class and register tokens in front.

    Args:
        trunk: a plain timm VisionTransformer.
        patches: [B, K, patch_size^2 C], pixels in the order of `patchify`.
        positions: [B or 1, prefix + K, D], rows of the position table for prefix tokens and these patches.

    Returns:
        [B, prefix + K, D] after the trunk's norm, which is none in a mean-pooled one.
    """
    prefix = 0 if trunk.no_embed_class else trunk.num_prefix_tokens
    positions = positions.expand(len(patches), -1, -1)
    tokens = _embed(trunk, patches) + positions[:, prefix:]
    front = [token.expand(len(patches), -1, -1) for token in (trunk.cls_token, trunk.reg_token) if token is not None]
    if front:
        tokens = torch.cat([*front, tokens], dim=1)
    if prefix:
        tokens = torch.cat([tokens[:, :prefix] + positions[:, :prefix], tokens[:, prefix:]], dim=1)
    features: Tensor = trunk.norm(trunk.blocks(trunk.norm_pre(tokens)))
    return features


def pooled(trunk: Any, images: Tensor) -> Tensor:
    """[N, F] pooled features of pieces [N, C, s, s] of films.

    A CNN takes pieces of any size. In a ViT s is a multiple of the patch size, and every piece has the positions of
    the middle of the grid: what is near what within a piece is known, where the piece lay is not.
    """
    if not isinstance(trunk, VisionTransformer):
        tokens = trunk.forward_features(images)
    else:
        size = trunk.patch_embed.patch_size[0]
        tokens = encode_patches(trunk, patchify(images, size), _middle(trunk, images.shape[-1] // size))
    features: Tensor = trunk.forward_head(tokens, pre_logits=True)
    return features


def _middle(trunk: Any, side: int) -> Tensor:
    """Rows of the position table for prefix tokens and the central `side` x `side` patches."""
    rows, columns = trunk.patch_embed.grid_size
    prefix = 0 if trunk.no_embed_class else trunk.num_prefix_tokens
    top, left = (rows - side) // 2, (columns - side) // 2
    table: Tensor = trunk.pos_embed
    grid = table[:, prefix:].reshape(1, rows, columns, -1)[:, top : top + side, left : left + side]
    return torch.cat([table[:, :prefix], grid.flatten(1, 2)], dim=1)


def _embed(trunk: Any, patches: Tensor) -> Tensor:
    """The patch embedding as a matrix product."""
    kernel = trunk.patch_embed.proj.weight  # [D, C, p, p] -> pixels in the order of `patchify`
    tokens = F.linear(patches, kernel.permute(0, 2, 3, 1).flatten(1), trunk.patch_embed.proj.bias)
    embedded: Tensor = trunk.patch_embed.norm(tokens)
    return embedded
