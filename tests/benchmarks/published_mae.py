"""The masked autoencoder as it was published, written again plainly: what ours is timed against.

Every patch is embedded and then most are dropped; attention is softmax(q k^T / sqrt(d)) v; the decoder puts all
tokens back into their places and predicts every patch; the loss averages over the masked ones. Names are those of the
published checkpoints. (He et al., CVPR 2022, arXiv:2111.06377; read at facebookresearch/mae@efb2a80.)
"""

import torch
from torch import Tensor, nn

from study.train.positions import sincos


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1)) * (width // self.heads) ** -0.5
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PublishedMae(nn.Module):
    def __init__(
        self, *, size: int, patch: int, in_chans: int, width: int, depth: int, heads: int, decoder: tuple[int, int, int]
    ) -> None:
        super().__init__()
        wide, blocks, decoder_heads = decoder
        self.patch, self.grid = patch, size // patch
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(in_chans, width, patch, patch)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.pos_embed = nn.Parameter(sincos((self.grid, self.grid), width, prefix=1)[None], requires_grad=False)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.decoder_embed = nn.Linear(width, wide)
        self.mask_token = nn.Parameter(torch.randn(1, 1, wide) * 0.02)
        table = sincos((self.grid, self.grid), wide, prefix=1)[None]
        self.decoder_pos_embed = nn.Parameter(table, requires_grad=False)
        self.decoder_blocks = nn.ModuleList([Block(wide, decoder_heads) for _ in range(blocks)])
        self.decoder_norm = nn.LayerNorm(wide, eps=1e-6)
        self.decoder_pred = nn.Linear(wide, patch**2 * in_chans)

    def forward(self, images: Tensor, noise: Tensor, *, ratio: float, norm_pix: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, predictions [B, L, P] of all patches, and the mask [B, L], 1 = hidden; `noise` [B, L] decides."""
        x = self.patch_embed.proj(images).flatten(2).transpose(1, 2) + self.pos_embed[:, 1:]
        batch, length, width = x.shape
        shuffle = noise.argsort(dim=1)
        restore = shuffle.argsort(dim=1)
        keep = shuffle[:, : round(length * (1 - ratio))]
        x = x.gather(1, keep[:, :, None].expand(-1, -1, width))
        mask = torch.ones(batch, length)
        mask[:, : keep.shape[1]] = 0
        mask = mask.gather(1, restore)
        x = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        prediction = self._decode(self.norm(x), restore)
        target = self._patchify(images)
        if norm_pix:
            target = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6) ** 0.5
        loss = ((prediction - target) ** 2).mean(-1)
        return (loss * mask).sum() / mask.sum(), prediction, mask

    def _decode(self, features: Tensor, restore: Tensor) -> Tensor:
        x = self.decoder_embed(features)
        hidden = self.mask_token.expand(len(x), restore.shape[1] + 1 - x.shape[1], -1)
        patches = torch.cat([x[:, 1:], hidden], dim=1)
        patches = patches.gather(1, restore[:, :, None].expand(-1, -1, x.shape[2]))
        x = torch.cat([x[:, :1], patches], dim=1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        return self.decoder_pred(self.decoder_norm(x))[:, 1:]

    def _patchify(self, images: Tensor) -> Tensor:
        batch, channels = images.shape[:2]
        x = images.reshape(batch, channels, self.grid, self.patch, self.grid, self.patch)
        return torch.einsum("nchpwq->nhwpqc", x).reshape(batch, self.grid**2, -1)
