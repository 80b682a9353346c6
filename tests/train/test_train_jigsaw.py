import json

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file

from study.errors import UnsupportedError
from study.registry import tile_side
from study.train.encoding import pooled
from study.train.jigsaw import JigsawNetwork, cut_tiles, normalised
from study.train.models import build
from study.train.permutations import distant_permutations, fingerprint


def distances(orders: np.ndarray) -> np.ndarray:
    """Hamming distance of every pair."""
    apart = (orders[:, None] != orders).sum(axis=2)
    return apart[np.triu_indices(len(orders), 1)]


def test_all_orders_of_four_tiles_are_in_lexicographic_order() -> None:
    orders = distant_permutations(4, 24)
    assert len({tuple(order) for order in orders.tolist()}) == 24
    assert orders[:3].tolist() == [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3]]


def test_the_greedy_choice_is_that_of_a_plain_search() -> None:
    from itertools import permutations

    every = list(permutations(range(4)))
    chosen = [every[0]]
    while len(chosen) < 8:

        def worth(order: tuple[int, ...]) -> tuple[int, int]:
            apart = [sum(a != b for a, b in zip(order, other, strict=True)) for other in chosen]
            return min(apart), sum(apart)

        chosen.append(max(every, key=worth))  # max keeps the first of equals
    assert distant_permutations(4, 8).tolist() == [list(order) for order in chosen]


@pytest.mark.slow
def test_a_hundred_orders_of_nine_tiles_differ_in_six_places_at_least() -> None:
    orders = distant_permutations(9, 100)
    apart = distances(orders)
    assert apart.min() == 6
    assert round(float(apart.mean()), 2) == 8.08  # measured in the reference for the same rule
    assert all(sorted(order) == list(range(9)) for order in orders.tolist())


def test_a_set_of_orders_has_a_fingerprint() -> None:
    assert fingerprint(distant_permutations(4, 8)) == fingerprint(distant_permutations(4, 8).copy())
    assert fingerprint(distant_permutations(4, 8)) != fingerprint(distant_permutations(4, 9))


@pytest.mark.parametrize(
    ("size", "tiles", "patch", "side"),
    [
        (64, 2, 8, 24),
        (64, 3, 8, 8),
        (32, 2, 8, 8),
        (224, 3, 16, 48),
        (224, 3, None, 55),
        (32, 2, None, 12),
        (32, 3, 16, 0),
    ],
)
def test_tiles_are_three_quarters_of_a_cell_and_whole_patches(size: int, tiles: int, patch: int, side: int) -> None:
    assert tile_side(size, tiles, patch) == side


def test_tiles_are_cut_where_they_were_placed() -> None:
    images = torch.arange(2 * 2 * 7 * 7).float().reshape(2, 2, 7, 7)
    places = torch.tensor([[[0, 0], [1, 0], [0, 1], [1, 1]], [[1, 1], [0, 0], [0, 0], [0, 1]]])
    tiles = cut_tiles(images, 2, 2, places)
    assert tiles.shape == (2, 4, 2, 2, 2)
    for film in range(2):
        for tile in range(4):
            top = tile // 2 * 3 + int(places[film, tile, 0])
            left = tile % 2 * 3 + int(places[film, tile, 1])
            assert torch.equal(tiles[film, tile], images[film, :, top : top + 2, left : left + 2])


def test_every_tile_is_normalised_by_itself_and_a_flat_one_is_zero() -> None:
    tiles = torch.randn(2, 4, 1, 6, 6) * 3 + 5
    tiles[0, 1] = 7
    flat = normalised(tiles)
    assert float(flat.mean(dim=(2, 3, 4)).abs().max()) < 1e-5
    assert float(flat[0, 1].abs().max()) == 0
    torch.testing.assert_close(flat[1].std(dim=(1, 2, 3)), torch.ones(4))


@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_a_tile_has_the_same_features_wherever_it_lay(model: str) -> None:
    torch.manual_seed(0)
    settings = {"tiles": 2, "permutations": 24, "head_width": 8}
    trunk = build(model, num_classes=1, image_size=32, in_chans=1)
    network = JigsawNetwork(trunk, image_size=32, settings=settings).eval()
    images = torch.randn(1, 1, 32, 32)
    swapped = torch.cat([images[:, :, 16:], images[:, :, :16]], dim=2)  # upper and lower half
    middle = torch.full((1, 4, 2), 2)
    with torch.no_grad():
        one, other = network.encode(images, middle), network.encode(swapped, middle)
        torch.testing.assert_close(one[:, [2, 3, 0, 1]], other)
        logits = network.name(one, torch.arange(24)[None])
        swap = int((network.orders == torch.tensor([2, 3, 0, 1])).all(dim=1).nonzero())
        torch.testing.assert_close(network.name(other, torch.zeros(1, 1, dtype=torch.int64))[:, 0], logits[:, swap])


def test_a_whole_film_has_the_features_of_the_model_itself() -> None:
    torch.manual_seed(0)
    for model in ("vit_phantom", "densenet_phantom"):
        trunk = build(model, num_classes=1, image_size=32, in_chans=1).eval()
        images = torch.randn(2, 1, 32, 32)
        with torch.no_grad():
            own = trunk.forward_head(trunk.forward_features(images), pre_logits=True)  # type: ignore[operator]
            torch.testing.assert_close(pooled(trunk, images), own)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_an_order_is_learnt_and_told_beside_its_chance_level(model: str, films, trained) -> None:
    dataset = films(unlabelled=48, val=10, size=32)
    for row in range(2):
        for column in range(2):  # every quarter has its own stripes
            dataset.images[:, 16 * row : 16 * row + 16 : 2 + row, 16 * column : 16 * column + 16 : 1 + column] = 250
    out = trained("jigsaw", model, dataset, epochs=10, batch_size=12, lr=3e-3, crop=(1.0, 1.0))
    facts = json.loads((out / "facts.json").read_text())
    assert facts["chance"] == 1 / 24
    assert facts["n_permutations"] == 24
    assert facts["accuracy"] > 0.5
    assert facts["failed"] is False
    assert facts["accuracy"] == json.loads((out / "history.json").read_text())[-1]["val_accuracy"]
    assert not any(name.startswith("head.0") for name in load_file(out / "weights.safetensors"))


def test_an_order_that_cannot_be_seen_is_told_as_failed(films, trained) -> None:
    dataset = films(unlabelled=8, val=4, size=32)
    dataset.images[:] = 90  # nothing but grey
    facts = json.loads((trained("jigsaw", "vit_phantom", dataset, epochs=1) / "facts.json").read_text())
    assert facts["accuracy"] == pytest.approx(1 / 24)  # one answer for all orders
    assert (facts["saturated"], facts["failed"]) == (False, True)


def test_without_held_out_films_nothing_is_said_of_them(films, trained) -> None:
    facts = json.loads(
        (trained("jigsaw", "vit_phantom", films(unlabelled=8, size=32), epochs=1) / "facts.json").read_text()
    )
    assert (facts["accuracy"], facts["saturated"], facts["failed"]) == (None, None, None)
    assert 0 <= facts["train_accuracy"] <= 1


@pytest.mark.parametrize("kind", ["jigsaw", "exemplar"])
@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_a_proxy_that_was_interrupted_ends_bit_for_bit_as_if_it_had_not_been(
    kind: str, model: str, films, trained, place
) -> None:
    from study.errors import Stopped

    dataset = films(unlabelled=8, val=4, test=4, size=32)
    whole = trained(kind, model, dataset, epochs=2, views=2)
    context = place(stop_at=(3,))
    with pytest.raises(Stopped):
        trained(kind, model, dataset, epochs=2, views=2, context=context)
    context.stop_at = ()
    again = trained(kind, model, dataset, epochs=2, views=2, context=context)
    for name in ("weights.safetensors", "history.json", "facts.json"):
        assert (whole / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize("kind", ["jigsaw", "exemplar"])
def test_test_films_are_never_read(kind: str, films, trained) -> None:
    dataset = films(train=4, val=4, test=4, size=32)
    other = np.array(dataset.images)
    other[dataset.rows("test")] = 255
    altered = type(dataset)(**{**vars(dataset), "images": other})
    first, second = (trained(kind, "vit_phantom", each, epochs=1) for each in (dataset, altered))
    for name in ("weights.safetensors", "history.json", "facts.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_transformer_that_cannot_take_tiles_is_refused() -> None:
    from study.train.encoding import plain_vit

    trunk = timm.create_model("vit_relpos_small_patch16_224", in_chans=1, num_classes=0, depth=1)
    with pytest.raises(UnsupportedError, match=r"jigsaw pretraining needs a plain vision transformer.*'relpos'"):
        plain_vit(trunk, "relpos", "jigsaw")
