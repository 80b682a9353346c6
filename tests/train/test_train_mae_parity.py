"""The ViT autoencoder against one derived from the paper with nothing but arrays, heads and tokens one by one."""

import math

import pytest
import timm
import torch
from torch import Tensor

from study.train import masking
from study.train.mae_target import patchify, pick, reconstruction_error
from study.train.mae_vit import VitAutoencoder
from study.train.models import build

State = dict[str, Tensor]


def layer_norm(x: Tensor, state: State, name: str) -> Tensor:
    mean = x.mean(dim=-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-6) * state[f"{name}.weight"] + state[f"{name}.bias"]


def linear(x: Tensor, state: State, name: str) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def attention(x: Tensor, state: State, name: str, heads: int) -> Tensor:
    """One head and one asking token after the other."""
    length, width = x.shape
    each = width // heads
    qkv = linear(x, state, f"{name}.qkv")
    out = torch.zeros_like(x)
    for head in range(heads):
        q, k, v = (qkv[:, part * width + head * each : part * width + (head + 1) * each] for part in range(3))
        for token in range(length):
            scores = torch.stack([q[token] @ k[other] for other in range(length)]) / math.sqrt(each)
            shares = torch.exp(scores - scores.max())
            shares = shares / shares.sum()
            out[token, head * each : (head + 1) * each] = (shares[:, None] * v).sum(dim=0)
    return linear(out, state, f"{name}.proj")


def block(x: Tensor, state: State, name: str, heads: int) -> Tensor:
    x = x + attention(layer_norm(x, state, f"{name}.norm1"), state, f"{name}.attn", heads)
    inner = linear(layer_norm(x, state, f"{name}.norm2"), state, f"{name}.mlp.fc1")
    inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
    return x + linear(inner, state, f"{name}.mlp.fc2")


def position(row: int, column: int, width: int) -> Tensor:
    """Sine and cosine of the column, then of the row, for width / 4 frequencies each."""
    values = []
    for place in (column, row):
        angles = [place / 10000 ** (k / (width / 4)) for k in range(width // 4)]
        values += [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
    return torch.tensor(values)


def film_by_hand(
    image: Tensor, noise: Tensor, state: State, *, patch: int, ratio: float, heads: tuple[int, int], norm_pixel: bool
) -> tuple[float, Tensor, list[int]]:
    """Loss, predictions of all patches in their places, and which are hidden."""
    channels, size, _ = image.shape
    grid = size // patch
    trunk, decoder = _under(state, "trunk."), _under(state, "decoder.")
    kernel = trunk["patch_embed.proj.weight"]
    places = [(row, column) for row in range(grid) for column in range(grid)]
    cells = [image[:, r * patch : (r + 1) * patch, c * patch : (c + 1) * patch] for r, c in places]
    kept = sorted(range(len(places)), key=lambda place: float(noise[place]))[: round(len(places) * (1 - ratio))]
    tokens = [trunk["cls_token"][0, 0] + trunk["pos_embed"][0, 0]]
    for place in kept:
        embedded = (kernel * cells[place]).sum(dim=(1, 2, 3)) + trunk["patch_embed.proj.bias"]
        tokens.append(embedded + trunk["pos_embed"][0, 1 + place])
    x = torch.stack(tokens)
    for index in range(_depth(trunk)):
        x = block(x, trunk, f"blocks.{index}", heads[0])
    x = layer_norm(x, trunk, "norm") if "norm.weight" in trunk else layer_norm(x, decoder, "before")
    x = linear(x, decoder, "embed")
    full = [x[0]]
    for place, (row, column) in enumerate(places):
        token = x[1 + kept.index(place)] if place in kept else decoder["mask_token"][0, 0]
        full.append(token + position(row, column, x.shape[1]))
    y = torch.stack(full)
    for index in range(_depth(decoder)):
        y = block(y, decoder, f"blocks.{index}", heads[1])
    predictions = linear(layer_norm(y, decoder, "norm"), decoder, "predict")[1:]
    errors = []
    for place in range(len(places)):
        if place in kept:
            continue
        # row, column, channel
        target = torch.tensor(
            [float(cells[place][c, i, j]) for i in range(patch) for j in range(patch) for c in range(channels)]
        )
        if norm_pixel:
            target = (target - target.mean()) / torch.sqrt(
                ((target - target.mean()) ** 2).sum() / (len(target) - 1) + 1e-6
            )
        errors.append(float(((predictions[place] - target) ** 2).mean()))
    return sum(errors) / len(errors), predictions, [place for place in range(len(places)) if place not in kept]


def _under(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _depth(state: State) -> int:
    return 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))


def masks_of(noise: Tensor, ratio: float) -> masking.Masks:
    return masking._keep_first(noise, masking.n_visible(noise.shape[1], ratio))


@pytest.mark.parametrize("pooling", ["mean", "class token"])
@pytest.mark.parametrize("target", ["pixel", "norm_pixel"])
@pytest.mark.parametrize("decoder_depth", [1, 3])
def test_loss_and_reconstruction_are_those_of_the_paper(pooling: str, target: str, decoder_depth: int) -> None:
    torch.manual_seed(0)
    size, patch, channels, ratio = 32, 8, 2, 0.7
    if pooling == "mean":
        trunk, heads = build("vit_phantom", num_classes=1, image_size=size, in_chans=channels), 4
    else:
        form = {"img_size": size, "patch_size": patch, "in_chans": channels, "depth": 2}
        trunk, heads = timm.create_model("vit_tiny_patch16_224", num_classes=0, **form), 3
    module = VitAutoencoder(trunk, width=32, depth=decoder_depth, name="parity").eval()
    for name, value in module.named_parameters():
        if value.ndim == 1:  # no bias is 0 and no norm is 1, so that none can be forgotten
            torch.nn.init.normal_(value, mean=float(name.endswith("weight")), std=0.1)
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(2, channels, size, size, generator=draw)
    noise = torch.rand(2, (size // patch) ** 2, generator=draw)
    with torch.no_grad():
        prediction, ids = module(images, masks_of(noise, ratio))
        scored = pick(patchify(images, patch), ids)
        error = reconstruction_error(prediction, scored, target, level=1e-3)  # type: ignore[arg-type]
        losses = []
        for film in range(2):
            loss, expected, hidden = film_by_hand(
                images[film], noise[film], module.state_dict(), patch=patch, ratio=ratio, heads=(heads, 4),
                norm_pixel=target == "norm_pixel",
            )  # fmt: skip
            losses.append(loss)
            assert sorted(ids[film].tolist()) == hidden
            torch.testing.assert_close(prediction[film], expected[ids[film]], atol=1e-5, rtol=0)
    assert abs(float(error.loss) - sum(losses) / 2) < 1e-5
