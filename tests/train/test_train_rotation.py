import json

import numpy as np
import pytest
import torch

from study.train.rotation import rotated


def test_every_film_is_turned_by_its_own_number_of_quarters_without_loss() -> None:
    images = torch.rand(4, 1, 5, 5)
    turned = rotated(images, torch.tensor([0, 1, 2, 3]))
    for film in range(4):
        expected = np.rot90(images[film, 0].numpy(), film)
        assert np.array_equal(turned[film, 0].numpy(), expected)


@pytest.mark.parametrize("views", ["one", "all4"])
def test_an_easy_rotation_is_learnt_and_told_beside_its_chance_level(views: str, films, trained) -> None:
    dataset = films(unlabelled=48, val=10, test=4)
    dataset.images[:, :5] = 250  # a bright edge says what is up
    out = trained("rotation", "vit_phantom", dataset, epochs=12, views=views, crop=(0.9, 1.0), lr=3e-3, batch_size=12)
    facts = json.loads((out / "facts.json").read_text())
    assert facts["chance"] == 0.25
    assert facts["accuracy"] >= 0.95
    assert facts["views"] == views
    assert (facts["n_films"], facts["n_val"]) == (48, 10)
    assert facts["accuracy"] == json.loads((out / "history.json").read_text())[-1]["val_accuracy"]


def test_accuracy_is_undefined_without_held_out_films(films, trained) -> None:
    out = trained("rotation", "vit_phantom", films(unlabelled=8), epochs=1)
    facts = json.loads((out / "facts.json").read_text())
    assert facts["accuracy"] is None
    assert 0 <= facts["train_accuracy"] <= 1


def test_all_four_views_see_four_times_as_many_turns(films, trained) -> None:
    dataset = films(unlabelled=8)
    accuracies = []
    for views in ("one", "all4"):
        out = trained("rotation", "vit_phantom", dataset, epochs=1, views=views, batch_size=8, lr=1e-30)
        accuracies.append(json.loads((out / "history.json").read_text())[0]["accuracy"])
    assert accuracies[0] * 8 == pytest.approx(round(accuracies[0] * 8))
    assert accuracies[1] * 32 == pytest.approx(round(accuracies[1] * 32))


@pytest.mark.parametrize("split", ["test"])
def test_test_films_are_never_read(films, trained, split: str) -> None:
    dataset = films(train=4, val=4, test=4)
    other = np.array(dataset.images)
    other[dataset.rows(split)] = 255
    altered = type(dataset)(**{**vars(dataset), "images": other})
    first, second = (trained("rotation", "vit_phantom", each) for each in (dataset, altered))
    for name in ("weights.safetensors", "history.json", "facts.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
