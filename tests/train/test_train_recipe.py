"""What a recipe adds to fine-tuning: weighted and soft losses, accumulation, averages, clipping, heads, operations."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from study import train
from study.errors import Stopped, UnsupportedError
from study.protocol.randaug import RADIOGRAPH_SAFE, TIMM
from study.train.averaging import follow
from study.train.finetune import class_weights, soft_losses
from study.train.loop import rate
from study.train.models import build
from study.train.randaug import GREYS, OPERATIONS, Strength, randaug
from study.train.views import draw_crops, erase

ALL_AT_ONCE = {
    "saliencymix": 1.0,
    "mixup": 0.8,
    "erase": 0.5,
    "crop_focus": 0.35,
    "randaug": {"magnitude": 9.0},
    "ema": 0.9,
    "clip_grad": 1.0,
    "accumulate": 2,
    "drop_path": 0.2,
    "min_lr": 1e-5,
    "class_weights": "balanced",
    "label_smoothing": 0.1,
    "pool": "token",
}
FILES = ("weights.safetensors", "history.json", "facts.json")


def test_soft_losses_are_those_of_torch_and_never_infinite() -> None:
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    hot, even = F.one_hot(labels, 3).float(), torch.ones(3)
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(soft_losses(logits, hot, even, 0.1), expected)
    mixed = 0.3 * hot + 0.7 * hot.roll(1, 0)
    expected = 0.3 * F.cross_entropy(logits, labels, reduction="none")
    expected = expected + 0.7 * F.cross_entropy(logits, labels.roll(1), reduction="none")
    torch.testing.assert_close(soft_losses(logits, mixed, even, 0.0), expected)
    far = torch.tensor([[1e4, -1e4]])
    assert soft_losses(far, torch.tensor([[0.0, 1.0]]), torch.ones(2), 0.0).tolist() == [2e4]
    assert soft_losses(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]), torch.tensor([1.0, 3.0]), 0.0).item() == (
        pytest.approx(2 * math.log(2))
    )


def test_balanced_weights_make_classes_count_alike() -> None:
    weights = class_weights([6, 2], "balanced")
    assert weights == [8 / 12, 8 / 4]
    assert 6 * weights[0] == 2 * weights[1] == 8 / 2
    assert class_weights([6, 2], "none") == [1.0, 1.0]


def test_the_average_follows_the_weights_by_hand() -> None:
    module = nn.Linear(1, 1, bias=False)
    module.register_buffer("seen", torch.tensor(0))
    average = {"weight": torch.zeros(1, 1), "seen": torch.tensor(0)}
    found = []
    for step, value in ((1, 1.0), (2, 3.0), (999, 5.0)):
        with torch.no_grad():
            module.weight.fill_(value)
        module.seen.fill_(step)
        follow(average, module, decay=0.9, step=step)
        found.append(average["weight"].item())
    first = 9 / 11  # d = 2 / 11
    second = first * 3 / 12 + 3 * 9 / 12
    assert found == pytest.approx([first, second, 0.9 * second + 0.1 * 5])
    assert average["seen"] == 999


def test_the_average_is_what_is_kept(films, trained) -> None:
    dataset = films(train=8)
    chosen = {"epochs": 3, "select": "last"}
    plain, averaged = (trained("finetune", "vit_phantom", dataset, ema=ema, **chosen) for ema in (0.0, 0.999))
    first = [json.loads((folder / "history.json").read_text())[0]["loss"] for folder in (plain, averaged)]
    assert first[0] == first[1]  # the weights that learn are the same
    assert (plain / "weights.safetensors").read_bytes() != (averaged / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_a_batch_in_parts_steps_like_the_whole_batch(parts: int, films, trained) -> None:
    dataset = films(train=16)
    chosen = {"epochs": 2, "batch_size": 8, "cutmix": 1.0, "lr": 1e-3, "class_weights": "balanced", "clip_grad": 1.0}
    whole, divided = (trained("finetune", "vit_phantom", dataset, accumulate=n, **chosen) for n in (1, parts))
    losses = [[row["loss"] for row in json.loads((f / "history.json").read_text())] for f in (whole, divided)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    weights = [load_file(folder / "weights.safetensors") for folder in (whole, divided)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, atol=2e-4, rtol=1e-3, msg=name)


def test_long_gradients_are_cut_and_their_norm_is_told(films, trained) -> None:
    dataset = films(train=8)
    still = {"epochs": 1, "batch_size": 8, "lr": 1e-30}
    norms = [
        json.loads((trained("finetune", "vit_phantom", dataset, clip_grad=most, **still) / "history.json").read_text())
        for most in (1e-3, 1e3)
    ]
    assert norms[0][0]["grad_norm"] == norms[1][0]["grad_norm"] > 1e-3


def test_the_rate_ends_at_min_lr() -> None:
    rates = [rate(step, 10, lr=1.0, warmup=0.0, min_lr=0.2) for step in range(11)]
    assert rates[0] == 1.0
    assert rates[5] == pytest.approx(0.6)
    assert rates[10] == pytest.approx(0.2)


def test_everything_at_once_resumes_bit_for_bit(films, trained, place) -> None:
    dataset = films(train=9, val=6, size=24)
    undisturbed = trained("finetune", "vit_phantom", dataset, epochs=3, **ALL_AT_ONCE)
    context = place(stop_at=(1, 4, 8))
    for step in context.stop_at:
        with pytest.raises(Stopped, match=f"stopped after step {step} of 9"):
            trained("finetune", "vit_phantom", dataset, epochs=3, context=context, **ALL_AT_ONCE)
    resumed = trained("finetune", "vit_phantom", dataset, epochs=3, context=context, **ALL_AT_ONCE)
    assert [(resumed / name).read_bytes() for name in FILES] == [(undisturbed / name).read_bytes() for name in FILES]


@pytest.mark.parametrize("pool", ["mean", "token"])
def test_a_head_reads_what_it_is_told_to(pool: str) -> None:
    module = build("vit_phantom", num_classes=2, image_size=16, in_chans=1, pool=pool).eval()
    tokens = torch.randn(3, 5, 64)  # class token and 2 x 2 patches
    changed = tokens.clone()
    changed[:, 0] += torch.randn(64)
    with torch.no_grad():
        same = torch.equal(module.forward_head(tokens), module.forward_head(changed))
    assert same == (pool == "mean")


def test_a_class_token_head_goes_on_from_a_mean_pooled_stage(films, trained) -> None:
    dataset = films(train=8, val=4)
    before = trained("mae", "vit_phantom", dataset, epochs=1)
    out = trained("finetune", "vit_phantom", dataset, initial=before, epochs=1, pool="token", lr=1e-30)
    old, new = (load_file(folder / "weights.safetensors") for folder in (before, out))
    assert torch.equal(old["blocks.0.attn.qkv.weight"], new["blocks.0.attn.qkv.weight"])
    assert torch.equal(new["norm.weight"], torch.ones(64))  # which the mean-pooled trunk does not have
    assert train.load_classifier(out).module.global_pool == "token"


def test_a_mean_pooled_stage_goes_on_from_a_class_token_head(films, trained) -> None:
    dataset = films(train=8, val=4)
    before = trained("supervised", "vit_phantom", dataset, epochs=1, pool="token")
    assert "norm.weight" in load_file(before / "weights.safetensors")
    assert "norm.weight" not in load_file(
        trained("rotation", "vit_phantom", dataset, initial=before) / "weights.safetensors"
    )


def test_a_cnn_has_no_class_token() -> None:
    with pytest.raises(UnsupportedError, match="'densenet_phantom' has no class token to read; set pool to mean"):
        build("densenet_phantom", num_classes=2, image_size=32, in_chans=1, pool="token")


def test_a_head_of_two_tokens_reads_no_mean() -> None:
    name = "deit_tiny_distilled_patch16_224"
    with pytest.raises(UnsupportedError, match=f"'{name}' has no head that reads pool 'mean'; leave pool out"):
        build(name, num_classes=2, image_size=32, in_chans=1, pool="mean")


def test_focused_windows_stay_inside_and_near_the_middle() -> None:
    spread = []
    for focus in (0.35, 1000.0, 0.0):
        drawn = draw_crops(4000, (0.5, 0.5), flip=False, generator=torch.Generator().manual_seed(3), focus=focus)
        shift = 2 * drawn.x / (1 - drawn.width) - 1
        assert float(shift.abs().max()) <= 1 + 1e-5
        spread.append(float(shift.std()))
    assert spread[0] == pytest.approx(0.345, abs=0.015)  # of a normal law of deviation 0.35, cut at 1
    assert spread[1] == pytest.approx(spread[2], abs=1e-3)  # no focus is a very wide one
    assert spread[2] == pytest.approx(1 / 3**0.5, abs=0.015)


def test_erased_rectangles_cover_their_share_of_this_share_of_the_films() -> None:
    images = torch.full((2000, 1, 32, 32), 9.0)
    gone = erase(images, 0.25, torch.Generator().manual_seed(0)) != 9.0
    shares = gone.float().mean(dim=(1, 2, 3))
    touched = shares > 0
    assert float(touched.float().mean()) == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 2000) ** 0.5)
    assert shares.max() < 0.36
    assert float(shares[touched].mean()) == pytest.approx((0.02 + 1 / 3) / 2, abs=0.02)
    sides = gone[touched].any(dim=3).sum(dim=2) * gone[touched].any(dim=2).sum(dim=2)
    assert torch.equal(sides[:, 0], gone[touched].sum(dim=(1, 2, 3)))  # all of them rectangles


def test_every_operation_that_a_protocol_can_name_is_there() -> None:
    assert set(TIMM) == set(OPERATIONS)
    assert set(RADIOGRAPH_SAFE) < set(TIMM)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_keeps_films_in_range_and_reproducible(name: str) -> None:
    images = (torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(1)) - 0.4) / 0.2
    before = images.clone()
    settings = {"ops": [name], "magnitude": 9.0, "deviation": 0.5, "layers": 1, "probability": 1.0}
    found = [
        randaug(images, settings, torch.Generator().manual_seed(5), mean=0.4, std=0.2) for _ in range(2)
    ]  # fmt: skip
    assert torch.equal(images, before)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], images)
    assert float(found[0].min()) >= -2 - 1e-5
    assert float(found[0].max()) <= 3 + 1e-5


def test_operations_by_hand() -> None:
    strength = Strength(torch.tensor([0.5]), torch.tensor([1.0]))
    grey = torch.tensor([0.0, 0.25, 0.5, 1.0]).view(1, 1, 2, 2)
    assert GREYS["invert"](grey, strength).flatten().tolist() == [1.0, 0.75, 0.5, 0.0]
    assert GREYS["brightness"](grey, strength).flatten().tolist() == pytest.approx([0, 0.3625, 0.725, 1.45])
    contrast = [0.4375 + 1.45 * (value - 0.4375) for value in (0, 0.25, 0.5, 1.0)]
    assert GREYS["contrast"](grey, strength).flatten().tolist() == pytest.approx(contrast)
    assert GREYS["solarize"](grey, strength).flatten().tolist() == [0.0, 0.25, 0.5, 0.0]  # from 128 of 255 on
    two_bits = [0.0, 64 / 255, 128 / 255, 192 / 255]
    assert GREYS["posterize"](grey, strength).flatten().tolist() == pytest.approx(two_bits)
    assert GREYS["autocontrast"](grey / 2 + 0.1, strength).flatten().tolist() == pytest.approx([0, 0.25, 0.5, 1.0])
    assert GREYS["solarize_add"](grey, strength).flatten().tolist() == pytest.approx(
        [55 / 255, 0.25 + 55 / 255, 0.5 + 55 / 255, 1]
    )


def test_films_move_as_far_as_the_magnitude_says() -> None:
    images = torch.zeros(1, 1, 20, 20)
    images[0, 0, 10, 10] = 1.0
    settings = {"ops": ["translate_x"], "magnitude": 10.0, "deviation": 0.0, "layers": 1, "probability": 1.0}
    moved = randaug(images, settings, torch.Generator().manual_seed(0), mean=0.4, std=0.2)
    assert moved[0, 0].argmax().item() in (10 * 20 + 10 - 9, 10 * 20 + 10 + 9)  # 0.45 of 20 px to either side
    assert np.count_nonzero(moved.numpy() > 0.5) == 1
