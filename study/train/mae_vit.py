"""Masked autoencoder around any plain vision transformer of timm.

The encoder sees visible patches only. The decoder keeps the tokens in the order of the draw
(visible first, hidden after) with their positions gathered alike: attention does not care
about order, so nothing has to be put back in place before the loss. Two shortcuts leave every
number as it is: hidden tokens enter the first block as mask token plus position, the same in
all films, so that their queries, keys and values are made once per position; and in the last
block only scored tokens ask and go through the MLP.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import StudyError
from study.train.encoding import encode_patches, plain_vit
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
        self.trunk: Any = plain_vit(trunk, name, "mae")
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
        n_visible = masks.ids_keep.shape[1]
        first = 0 if all_patches else n_visible
        prediction: Tensor = self.decoder(self.encode(images, masks.ids_keep), order, n_visible, first)
        return prediction, order[:, first:]

    def encode(self, images: Tensor, ids_keep: Tensor) -> Tensor:
        """[B, prefix + K, D] features of the visible patches, class and register tokens in front."""
        prefix = 0 if self.trunk.no_embed_class else self.trunk.num_prefix_tokens
        table = self.trunk.pos_embed[0]
        front = table[:prefix].expand(len(images), -1, -1)
        positions = torch.cat([front, table[prefix:][ids_keep]], dim=1)
        return encode_patches(self.trunk, pick(patchify(images, self.patch_size), ids_keep), positions)


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

    def forward(self, features: Tensor, order: Tensor, n_visible: int, first: int) -> Tensor:
        """Predictions [B, L - first, P] for the patches `order[:, first:]`, of which `n_visible` have features."""
        positions = self.get_buffer("positions")
        embedded = self.embed(self.before(features))
        front, visible = embedded[:, : self.n_prefix], embedded[:, self.n_prefix :]
        seen = torch.cat([front, visible + positions[order[:, :n_visible]]], dim=1)
        blank = self.mask_token[0] + positions  # [L, W], a hidden token at every place
        hidden = order[:, n_visible:]
        tokens = torch.cat([seen, F.embedding(hidden, blank.to(seen.dtype))], dim=1)
        scored = self.n_prefix + first
        blocks = cast(Sequence[Any], self.blocks)
        for place, block in enumerate(blocks):
            if place == 0:
                qkv = torch.cat([_qkv(block, seen), F.embedding(hidden, _qkv(block, blank))], dim=1)
            else:
                qkv = _qkv(block, tokens)
            tokens = _rest(block, tokens, qkv, first=scored if block is blocks[-1] else 0)
        prediction: Tensor = self.predict(self.norm(tokens))
        return prediction


def _qkv(block: Any, tokens: Tensor) -> Tensor:
    """[..., 3 W] queries, keys and values."""
    qkv: Tensor = block.attn.qkv(block.norm1(tokens))
    return qkv


def _rest(block: Any, tokens: Tensor, qkv: Tensor, *, first: int) -> Tensor:
    """What the block makes of the tokens from `first` on, which ask all tokens."""
    query, key, value = qkv.reshape(*qkv.shape[:2], 3, block.attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    answer = F.scaled_dot_product_attention(query[:, :, first:], key, value)
    tokens = tokens[:, first:] + block.attn.proj(answer.transpose(1, 2).flatten(2))
    out: Tensor = tokens + block.mlp(block.norm2(tokens))
    return out
