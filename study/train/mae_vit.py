"""Masked autoencoder around any plain vision transformer of timm.

The encoder sees visible patches only. The decoder keeps the tokens in the order of the draw
(visible first, hidden after) with their positions gathered alike: attention does not care
about order, so nothing has to be put back in place before the loss, and the last MLP runs on
the scored tokens only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import StudyError, UnsupportedError
from study.train.mae_target import patchify, pick
from study.train.masking import Masks
from study.train.models import EPS, xavier
from study.train.positions import sincos


class VitAutoencoder(nn.Module):
    """Trunk and decoder.

    Attributes:
        trunk: timm VisionTransformer, heads unused.
        decoder: what is thrown away afterwards.
        grid: rows and columns of patches.
        patch_size: side of a patch, pixels.
    """

    def __init__(self, trunk: nn.Module, *, width: int, depth: int, name: str) -> None:
        super().__init__()
        self.trunk: Any = _checked(trunk, name)
        self.grid: tuple[int, int] = self.trunk.patch_embed.grid_size
        self.patch_size: int = self.trunk.patch_embed.patch_size[0]
        self.decoder = Decoder(self.trunk, width=width, depth=depth)

    def forward(self, images: Tensor, masks: Masks, *, all_patches: bool = False) -> tuple[Tensor, Tensor]:
        """Predicted patches and which they are.

        Args:
            images: [B, C, H, W] normalised.
            masks: hidden patches.
            all_patches: predict visible patches as well.

        Returns:
            [B, M, patch_size^2 C] predictions in the pixel order of `patchify`, and [B, M] patch numbers.
        """
        order = torch.cat([masks.ids_keep, masks.ids_masked], dim=1)
        first = 0 if all_patches else masks.ids_keep.shape[1]
        prediction: Tensor = self.decoder(self.encode(images, masks.ids_keep), order, first)
        return prediction, order[:, first:]

    def encode(self, images: Tensor, ids_keep: Tensor) -> Tensor:
        """[B, prefix + K, D] features of the visible patches, class and register tokens in front."""
        trunk = self.trunk
        positions = trunk.pos_embed.expand(len(images), -1, -1)
        prefix = 0 if trunk.no_embed_class else trunk.num_prefix_tokens
        tokens = self._embed(pick(patchify(images, self.patch_size), ids_keep)) + pick(positions[:, prefix:], ids_keep)
        front = [token.expand(len(images), -1, -1) for token in (trunk.cls_token, trunk.reg_token) if token is not None]
        if front:
            tokens = torch.cat([*front, tokens], dim=1)
        if prefix:
            tokens = torch.cat([tokens[:, :prefix] + positions[:, :prefix], tokens[:, prefix:]], dim=1)
        features: Tensor = trunk.norm(trunk.blocks(trunk.norm_pre(tokens)))
        return features

    def _embed(self, patches: Tensor) -> Tensor:
        """The patch embedding as a matrix product, on visible patches only."""
        kernel = self.trunk.patch_embed.proj.weight  # [D, C, p, p] -> pixels in the order of `patchify`
        tokens = F.linear(patches, kernel.permute(0, 2, 3, 1).flatten(1), self.trunk.patch_embed.proj.bias)
        embedded: Tensor = self.trunk.patch_embed.norm(tokens)
        return embedded


class Decoder(nn.Module):
    """Narrow transformer over all tokens with its own fixed positions."""

    def __init__(self, trunk: Any, *, width: int, depth: int) -> None:
        super().__init__()
        if width % 4:
            raise StudyError(f"decoder_width {width} is not a multiple of 4")
        norm = partial(nn.LayerNorm, eps=EPS)
        heads = next(n for n in range(max(4, width // 32), 0, -1) if width % n == 0)
        self.n_prefix: int = trunk.num_prefix_tokens
        # With mean pooling timm has no norm after the blocks, but the decoder needs one.
        self.before = norm(trunk.embed_dim) if isinstance(trunk.norm, nn.Identity) else nn.Identity()
        self.embed = nn.Linear(trunk.embed_dim, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList([Block(width, heads, qkv_bias=True, norm_layer=norm) for _ in range(depth)])
        self.norm = norm(width)
        self.predict = nn.Linear(width, trunk.patch_embed.proj.weight[0].numel())
        self.register_buffer("positions", sincos(trunk.patch_embed.grid_size, width), persistent=False)
        xavier(self)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, features: Tensor, order: Tensor, first: int) -> Tensor:
        """Predictions [B, L - first, P] for the patches `order[:, first:]`."""
        visible = self.embed(self.before(features))
        hidden = self.mask_token.expand(len(order), order.shape[1] + self.n_prefix - visible.shape[1], -1)
        front, visible = visible[:, : self.n_prefix], visible[:, self.n_prefix :]
        positions = self.get_buffer("positions")[order]
        tokens = torch.cat([front, torch.cat([visible, hidden.to(visible.dtype)], dim=1) + positions], dim=1)
        prediction: Tensor = self.predict(self.norm(self._attend(tokens, first)))
        return prediction

    def _attend(self, tokens: Tensor, first: int) -> Tensor:
        """All blocks; in the last one only scored tokens go through the MLP."""
        *inner, last = cast(Sequence[Any], self.blocks)
        for block in inner:
            tokens = block(tokens)
        scored = (tokens + last.attn(last.norm1(tokens)))[:, self.n_prefix + first :]
        out: Tensor = scored + last.mlp(last.norm2(scored))
        return out


def _checked(trunk: nn.Module, name: str) -> Any:
    """The trunk, if its forward pass is the one spelt out above."""
    plain = type(trunk) is VisionTransformer and trunk.pos_embed is not None
    plain = plain and isinstance(getattr(trunk.patch_embed, "proj", None), nn.Conv2d) and not trunk.dynamic_img_size
    if not plain:
        raise UnsupportedError(
            f"mae pretraining needs a plain vision transformer with absolute positions; '{name}' is a "
            f"{type(trunk).__name__}"
        )
    return trunk
