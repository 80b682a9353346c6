import json

import numpy as np
import pytest
from torch import nn

from study import train
from study.errors import DataError, UnsupportedError
from study.train.finetune import layer_scales
from study.train.models import build
from study.train.roc import auc


def binary(*scores: float) -> np.ndarray:
    return np.array([[1 - score, score] for score in scores])


def test_auc_is_the_share_of_pairs_in_order_and_ties_count_half() -> None:
    labels = np.array([0, 0, 1, 1])
    assert auc(binary(0.1, 0.4, 0.35, 0.8), labels) == 0.75  # 3 of 4 pairs
    assert auc(binary(0.5, 0.5, 0.5, 0.5), labels) == 0.5
    assert auc(binary(0.1, 0.5, 0.5, 0.9), labels) == 0.875  # 3 pairs and one tie
    assert auc(binary(0.9, 0.8, 0.2, 0.1), labels) == 0.0


def test_auc_of_several_classes_is_the_mean_against_the_rest_of_those_present() -> None:
    scores = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.6, 0.3]])
    labels = np.array([0, 1, 0, 1])  # class 2 is absent
    assert auc(scores, labels) == 1.0
    labels = np.array([0, 1, 1, 1])
    assert auc(scores, labels) == pytest.approx((1.0 + 1.0) / 2)
    labels = np.array([1, 0, 1, 1])  # class 0: above one of three; class 1: the lowest of four is positive
    assert auc(scores, labels) == pytest.approx((1 / 3 + 0.0) / 2)


def test_auc_is_undefined_with_one_class_or_without_finite_scores() -> None:
    assert auc(binary(0.1, 0.4), np.array([1, 1])) is None
    assert auc(binary(0.1, np.nan), np.array([0, 1])) is None


def test_layers_of_a_vit_slow_down_towards_the_input() -> None:
    module = build("vit_phantom", num_classes=2, image_size=16, in_chans=1)
    scales = layer_scales(module, 0.5)
    assert scales["patch_embed.proj.weight"] == scales["cls_token"] == 0.5**5  # 4 blocks and what follows
    assert scales["blocks.0.attn.qkv.weight"] == 0.5**4
    assert scales["blocks.3.mlp.fc2.bias"] == 0.5
    assert scales["fc_norm.weight"] == scales["head.weight"] == 1.0
    assert set(scales) == {name for name, _ in module.named_parameters()}


def test_layers_of_a_cnn_are_its_stages() -> None:
    module = build("densenet_phantom", num_classes=2, image_size=32, in_chans=1)
    scales = layer_scales(module, 0.5)
    assert scales["features.conv0.weight"] == 0.125
    assert scales["features.denseblock1.denselayer1.conv1.weight"] == scales["features.transition1.conv.weight"] == 0.25
    assert scales["features.denseblock2.denselayer6.conv2.weight"] == 0.5
    assert scales["features.norm5.weight"] == scales["classifier.weight"] == 1.0
    assert layer_scales(module, 1.0) == {}
    resnet = layer_scales(build("resnet18", num_classes=2, image_size=32, in_chans=1), 0.5)
    assert (resnet["conv1.weight"], resnet["layer4.1.conv2.weight"], resnet["fc.weight"]) == (1 / 32, 0.5, 1.0)


def test_a_model_without_named_stages_has_no_layer_decay() -> None:
    with pytest.raises(UnsupportedError, match="this model has no named stages to count; set it to 1"):
        layer_scales(nn.Sequential(nn.Conv2d(1, 2, 3)), 0.5)


@pytest.mark.parametrize(("model", "size", "epochs"), [("vit_phantom", 24, 16), ("densenet_phantom", 32, 4)])
def test_an_easy_task_is_learnt(model: str, size: int, epochs: int, films, trained) -> None:
    dataset = films(train=64, val=20, test=40, size=size)
    out = trained("finetune", model, dataset, epochs=epochs, batch_size=8)
    facts = json.loads((out / "facts.json").read_text())
    assert facts["val_auc"] > 0.95
    assert facts["class_counts"] == [32, 32]
    classifier = train.load_classifier(out)
    rows = dataset.rows("test")
    images = train.to_tensor(dataset.images[rows], mean=classifier.mean, std=classifier.std, in_chans=1)
    assert auc(train.probabilities(classifier, images).numpy(), dataset.labels[rows]) > 0.95


def test_the_earliest_epoch_with_the_best_validation_auc_is_kept(films, trained) -> None:
    dataset = films(train=12, val=6)
    best, last = (trained("finetune", "vit_phantom", dataset, epochs=6, select=how) for how in ("best_val", "last"))
    assert (best / "history.json").read_bytes() == (last / "history.json").read_bytes()
    history = json.loads((best / "history.json").read_text())
    values = [entry["val_auc"] for entry in history]
    facts = json.loads((best / "facts.json").read_text())
    assert facts["best_epoch"] == values.index(max(values)) + 1
    assert facts["val_auc"] == max(values)
    assert facts["select"] == "best_val"
    classifier = train.load_classifier(best)
    rows = dataset.rows("val")
    images = train.to_tensor(dataset.images[rows], mean=classifier.mean, std=classifier.std, in_chans=1)
    assert auc(train.probabilities(classifier, images).numpy(), dataset.labels[rows]) == max(values)
    assert json.loads((last / "facts.json").read_text())["best_epoch"] == 6


def test_without_validation_films_the_last_epoch_is_kept(films, trained) -> None:
    out = trained("finetune", "vit_phantom", films(train=8))
    facts = json.loads((out / "facts.json").read_text())
    assert (facts["select"], facts["best_epoch"], facts["val_auc"]) == ("last", 2, None)


@pytest.mark.parametrize("split", ["test", "unlabelled"])
def test_neither_test_nor_unlabelled_films_are_read(films, trained, split: str) -> None:
    dataset = films(train=6, val=4, test=4, unlabelled=4)
    images, labels = np.array(dataset.images), np.array(dataset.labels)
    images[dataset.rows(split)] = 255
    labels[dataset.rows(split)] = 0
    altered = type(dataset)(**{**vars(dataset), "images": images, "labels": labels})
    first, second = (trained("finetune", "vit_phantom", each) for each in (dataset, altered))
    for name in ("weights.safetensors", "history.json", "facts.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_smoothed_labels_change_the_loss(films, trained) -> None:
    dataset = films(train=8)
    losses = []
    for smoothing in (0.0, 0.2):
        out = trained("finetune", "vit_phantom", dataset, epochs=1, label_smoothing=smoothing)
        losses.append(json.loads((out / "history.json").read_text())[0]["loss"])
    assert losses[0] != losses[1]


def test_one_class_is_not_a_task(films, trained) -> None:
    dataset = films(train=6)
    alone = type(dataset)(**{**vars(dataset), "labels": np.zeros(6, np.int64)})
    with pytest.raises(DataError, match="all 6 training films are 'left'; a classifier needs two classes"):
        trained("finetune", "vit_phantom", alone)


def test_a_training_film_without_a_label_is_an_error(films, trained) -> None:
    dataset = films(train=6)
    unlabelled = type(dataset)(**{**vars(dataset), "labels": np.full(6, -1)})
    with pytest.raises(DataError, match="'squares': training films need a label among left, right"):
        trained("finetune", "vit_phantom", unlabelled)
