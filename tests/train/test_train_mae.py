import json

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from study.errors import DataError, StudyError, UnsupportedError
from study.train import masking
from study.train.mae_target import patchify, reconstruction_error
from study.train.mae_vit import VitAutoencoder
from study.train.models import build
from study.train.positions import sincos


def autoencoder(name: str, size: int, *, depth: int = 2) -> VitAutoencoder:
    torch.manual_seed(0)
    if name == "vit_phantom":
        return VitAutoencoder(build(name, num_classes=1, image_size=size, in_chans=1), width=16, depth=depth, name=name)
    trunk = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=size,
        in_chans=1,
        num_classes=0,
        depth=2,
        **({"class_token": False, "global_pool": "avg"} if name == "without class token" else {}),
        **({"reg_tokens": 2, "no_embed_class": True} if name == "with registers" else {}),
    )
    return VitAutoencoder(trunk, width=16, depth=depth, name=name)


def by_the_book(module: VitAutoencoder, images: Tensor, masks: masking.Masks) -> Tensor:
    """The autoencoder as He et al. describe it, film by film, tokens put back in their places."""
    trunk, decoder = module.trunk, module.decoder
    prefix = trunk.num_prefix_tokens
    predictions = []
    for image, masked in zip(images, masks.masked, strict=True):
        tokens = trunk._pos_embed(trunk.patch_embed(image[None]))
        seen = torch.cat([torch.ones(prefix, dtype=torch.bool), ~masked])
        encoded = trunk.norm(trunk.blocks(trunk.norm_pre(tokens[:, seen])))
        embedded = decoder.embed(decoder.before(encoded))
        full = decoder.mask_token.expand(1, len(seen), -1).clone()
        full[:, seen] = embedded
        full[:, prefix:] += sincos(module.grid, full.shape[2])
        for block in decoder.blocks:
            full = block(full)
        predictions.append(decoder.predict(decoder.norm(full))[0, prefix:])
    return torch.stack(predictions)


def patches_by_hand(images: Tensor, size: int) -> Tensor:
    side = images.shape[2] // size
    cells = [
        images[:, 0, row * size : (row + 1) * size, column * size : (column + 1) * size].flatten(1)
        for row in range(side)
        for column in range(side)
    ]
    return torch.stack(cells, dim=1)


@pytest.mark.parametrize("name", ["vit_phantom", "with class token", "without class token", "with registers"])
@pytest.mark.parametrize("target", ["pixel", "norm_pixel"])
@pytest.mark.parametrize("all_patches", [False, True])
def test_reconstruction_and_loss_equal_the_textbook_form(name: str, target: str, all_patches: bool) -> None:
    size = 32 if name == "vit_phantom" else 64
    module = autoencoder(name, size).eval()
    images = torch.randn(3, 1, size, size, generator=torch.Generator().manual_seed(1))
    masks = masking.random(3, module.grid, 0.7, torch.Generator().manual_seed(2))
    with torch.no_grad():
        prediction, ids = module(images, masks, all_patches=all_patches)
        expected = by_the_book(module, images, masks)
    for film in range(3):
        torch.testing.assert_close(prediction[film], expected[film, ids[film]], atol=1e-5, rtol=0)

    truth = patches_by_hand(images, module.patch_size)
    if target == "norm_pixel":
        truth = (truth - truth.mean(dim=2, keepdim=True)) / (truth.var(dim=2, keepdim=True) + 1e-4).sqrt()
    weight = torch.ones_like(masks.masked) if all_patches else masks.masked
    wanted = ((expected - truth).square().mean(dim=2) * weight).sum() / weight.sum()
    scored = torch.stack([patchify(images, module.patch_size)[film, ids[film]] for film in range(3)])
    error = reconstruction_error(prediction, scored, target, level=0.01)  # type: ignore[arg-type]
    torch.testing.assert_close(error.loss, wanted, atol=1e-5, rtol=0)


def test_patches_hold_their_pixels_in_row_column_channel_order() -> None:
    images = torch.arange(2 * 4 * 4, dtype=torch.float32).reshape(1, 2, 4, 4)
    patches = patchify(images, 2)
    assert patches.shape == (1, 4, 8)
    assert patches[0, 1].tolist() == [2.0, 18.0, 3.0, 19.0, 6.0, 22.0, 7.0, 23.0]  # upper right


def test_predicting_grey_explains_nothing() -> None:
    patches = torch.randn(4, 6, 16)
    error = reconstruction_error(torch.zeros(4, 6, 16), patches, "pixel", level=0.01)
    assert error.loss == error.trivial
    torch.testing.assert_close(error.loss, patches.square().mean())


def test_the_trivial_loss_of_normalised_pixels_is_n_minus_one_over_n() -> None:
    error = reconstruction_error(torch.zeros(50, 6, 16), torch.randn(50, 6, 16), "norm_pixel", level=1e-4)
    torch.testing.assert_close(float(error.trivial), 15 / 16, atol=1e-3, rtol=0)


def test_flat_patches_are_counted_and_do_not_explode() -> None:
    patches = torch.zeros(1, 4, 16)
    patches[0, 0] = torch.randn(16)
    patches[0, 1] = torch.randn(16) * 1e-4  # rounding noise
    error = reconstruction_error(torch.zeros(1, 4, 16), patches, "norm_pixel", level=0.01)
    assert error.flat == 0.75
    assert float(error.trivial) < 0.26  # only the first patch counts


def test_hidden_pixels_cannot_reach_the_encoder() -> None:
    module = autoencoder("vit_phantom", 32).eval()
    images = torch.randn(2, 1, 32, 32)
    masks = masking.random(2, module.grid, 0.75, torch.Generator().manual_seed(0))
    hidden = masks.masked.reshape(2, 1, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        before, _ = module(images, masks)
        after, _ = module(images + 100 * hidden, masks)
        other, _ = module(images + 100 * ~hidden, masks)
    assert torch.equal(before, after)
    assert not torch.equal(before, other)


def test_the_history_tells_what_share_is_explained_and_it_grows(films, trained) -> None:
    out = trained("mae", "vit_phantom", films(unlabelled=64, size=32), epochs=12, batch_size=16)
    history = json.loads((out / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == list(range(1, 13))
    for entry in history:
        assert entry["explained"] == pytest.approx(1 - entry["loss"] / entry["trivial"])
    assert history[-1]["explained"] > history[0]["explained"] + 0.05


def test_the_facts_say_what_was_hidden(films, trained) -> None:
    out = trained("mae", "vit_phantom", films(unlabelled=8, train=4, size=64), epochs=1, masking="center")
    facts = json.loads((out / "facts.json").read_text())
    assert facts["grid"] == [8, 8]
    assert (facts["n_visible"], facts["n_masked"]) == (16, 48)
    assert facts["masked_central"] == pytest.approx(0.95, abs=0.01)
    assert facts["masked_remainder"] == pytest.approx(0.68, abs=0.01)
    assert facts["centre_hardly_seen"] is False
    assert facts["n_films"] == 12
    assert facts["supervised"] is False
    example = facts["mask_example"]
    assert [len(row) for row in example] == [8] * 8
    assert "".join(example).count("1") == 48


def test_weights_are_the_trunk_and_the_decoder(films, trained) -> None:
    dataset = films(unlabelled=8)
    weights = load_file(trained("mae", "vit_phantom", dataset, epochs=1) / "weights.safetensors")
    trunk = {name for name in weights if not name.startswith("decoder.")}
    module = build("vit_phantom", num_classes=2, image_size=16, in_chans=1)
    assert trunk == {name for name in module.state_dict() if not name.startswith(("head", "fc_norm"))}
    assert {"decoder.mask_token", "decoder.predict.weight"} <= set(weights)


@pytest.mark.parametrize("split", ["val", "test"])
def test_validation_and_test_films_are_never_read(films, trained, split: str) -> None:
    dataset = films(train=4, unlabelled=4, **{split: 4})
    other = np.array(dataset.images)
    other[dataset.rows(split)] = 255
    altered = type(dataset)(**{**vars(dataset), "images": other})
    first, second = (trained("mae", "vit_phantom", each) / "weights.safetensors" for each in (dataset, altered))
    assert first.read_bytes() == second.read_bytes()


def test_a_second_mae_stage_may_carry_the_decoder_on(films, trained) -> None:
    dataset = films(unlabelled=8)
    first = trained("mae", "vit_phantom", dataset)
    frozen = {"lr": 1e-30, "weight_decay": 0.0, "epochs": 1, "initial": first, "seed": 5}
    kept = load_file(trained("mae", "vit_phantom", dataset, carry_decoder=True, **frozen) / "weights.safetensors")
    fresh = load_file(trained("mae", "vit_phantom", dataset, **frozen) / "weights.safetensors")
    start = load_file(first / "weights.safetensors")
    assert all(torch.equal(kept[name], start[name]) for name in start)
    assert torch.equal(fresh["blocks.0.attn.qkv.weight"], start["blocks.0.attn.qkv.weight"])
    assert not torch.equal(fresh["decoder.predict.weight"], start["decoder.predict.weight"])


def test_a_decoder_that_is_not_there_cannot_be_carried_on(films, trained) -> None:
    dataset = films(unlabelled=8)
    with pytest.raises(StudyError, match="carry_decoder is set on the first stage of a chain"):
        trained("mae", "vit_phantom", dataset, carry_decoder=True)
    turned = trained("rotation", "vit_phantom", dataset, epochs=1)
    with pytest.raises(StudyError, match=r"the preceding stage \('rotation'\) kept no decoder"):
        trained("mae", "vit_phantom", dataset, carry_decoder=True, initial=turned)


def test_films_that_are_not_there_are_an_error(films, trained) -> None:
    with pytest.raises(DataError, match="'squares': mae needs at least 2 films in train or unlabelled; there are 0"):
        trained("mae", "vit_phantom", films(val=4))


def test_a_transformer_of_another_kind_is_refused() -> None:
    trunk = timm.create_model("vit_relpos_small_patch16_224", in_chans=1, num_classes=0, depth=1)
    with pytest.raises(UnsupportedError, match=r"plain vision transformer.*'relpos' is a VisionTransformerRelPos"):
        VitAutoencoder(trunk, width=16, depth=1, name="relpos")


def test_a_decoder_width_without_a_position_table_is_refused() -> None:
    with pytest.raises(StudyError, match="decoder_width 18 is not a multiple of 4"):
        VitAutoencoder(build("vit_phantom", num_classes=1, image_size=16, in_chans=1), width=18, depth=1, name="v")


def test_the_patch_embedding_is_initialised_as_a_linear_map() -> None:
    torch.manual_seed(0)
    module = build("vit_phantom", num_classes=1, image_size=64, in_chans=1)
    embed: nn.Conv2d = module.patch_embed.proj  # type: ignore[union-attr, assignment]
    limit = (6 / (64 + 64)) ** 0.5  # Xavier, fan in = fan out = 64
    assert 0.95 * limit < float(embed.weight.detach().abs().max()) <= limit
    assert float(embed.bias.detach().abs().max()) == 0  # type: ignore[union-attr]
