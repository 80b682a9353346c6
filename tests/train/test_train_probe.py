import json
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression

from study import train
from study.errors import DataError, UnsupportedError
from study.train.logistic import Linear, logistic_regression
from study.train.models import is_head
from study.train.probe import best, folded, standardisation


def fitted(features: torch.Tensor, labels: torch.Tensor, strength: float) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = LogisticRegression(C=strength, tol=1e-10, max_iter=10000)
        return found.fit(features.numpy(), labels.numpy())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_regression_is_that_of_scikit_learn(n_classes: int) -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(40, 5, generator=draw, dtype=torch.float64)
    labels = torch.arange(40) % n_classes
    features[:, 0] += labels
    ours = logistic_regression(features, labels, n_classes, penalty=0.05)
    theirs = fitted(features, labels, (2 if n_classes == 2 else 1) / (0.05 * 40))
    probabilities = ours.logits(features).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, theirs.predict_proba(features.numpy()), atol=1e-5)


def test_one_feature_by_hand() -> None:
    # two films at -1 and +1: by symmetry w1 = -w0 = w, no bias, and the gradient vanishes where 2 w = 1 / (1 + e^(2 w)) / p
    linear = logistic_regression(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), 2, penalty=0.1)
    weight = float(linear.weight[1])
    assert float(linear.weight[0]) == pytest.approx(-weight)
    assert linear.bias.abs().max() < 1e-9
    assert 0.1 * weight == pytest.approx(1 / (1 + np.exp(2 * weight)), rel=1e-5)


def test_a_head_for_standardised_features_is_folded_into_one_for_features_as_they_are() -> None:
    features = torch.randn(9, 3, dtype=torch.float64) * torch.tensor([1.0, 30.0, 0.0]) + 5
    shift, scale = standardisation(features)
    assert scale.tolist() == [*features[:, :2].std(dim=0, correction=0).tolist(), 1.0]
    linear = Linear(torch.randn(2, 3, dtype=torch.float64), torch.randn(2, dtype=torch.float64))
    expected = linear.logits((features - shift) / scale)
    torch.testing.assert_close(folded(linear, shift, scale).logits(features), expected)


def test_the_stronger_penalty_wins_among_equals() -> None:
    assert best([{"val_loss": 0.7}, {"val_loss": 0.5}, {"val_loss": 0.5}]) == 1
    assert best([{"val_loss": None}]) == 0


@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_a_probe_is_the_direct_regression_on_the_frozen_features(model: str, films, trained) -> None:
    dataset = films(train=24, val=8, size=32)
    before = trained("mae", model, dataset, epochs=1)
    out = trained("linear_probe", model, dataset, initial=before)
    facts = json.loads((out / "facts.json").read_text())
    old, new = (load_file(folder / "weights.safetensors") for folder in (before, out))
    trunk = [name for name in new if not is_head(name)]
    assert trunk
    assert all(torch.equal(old[name], new[name]) for name in trunk)  # bit for bit, BatchNorm's buffers too

    classifier = train.load_classifier(out)
    images, labels = {}, {}
    for split in ("train", "val"):
        rows = dataset.rows(split)
        stats = {"mean": classifier.mean, "std": classifier.std, "in_chans": 1}
        images[split], labels[split] = (
            train.to_tensor(dataset.images[rows], **stats),
            torch.tensor(dataset.labels[rows]),
        )
    with torch.no_grad():
        module = classifier.module
        features = {
            split: module.forward_head(module.forward_features(x), pre_logits=True).double()
            for split, x in images.items()
        }
    mean, std = features["train"].mean(dim=0), features["train"].std(dim=0, correction=0)
    std = torch.where(std > 1e-6 * std.max(), std, 1.0)
    # probability p_0 + p_1 = 1, so two classes have twice the penalty that scikit-learn counts
    theirs = fitted((features["train"] - mean) / std, labels["train"], 2 / (facts["penalty"] * 24))
    expected = theirs.predict_proba(((features["val"] - mean) / std).numpy())
    np.testing.assert_allclose(train.probabilities(classifier, images["val"]).numpy(), expected, atol=1e-3)
    assert facts["penalty"] == min(facts["tried"], key=lambda row: row["val_loss"])["penalty"]
    assert [row["penalty"] for row in facts["tried"]] == sorted(
        (row["penalty"] for row in facts["tried"]), reverse=True
    )
    assert json.loads((out / "history.json").read_text()) == []


def test_gradients_reach_the_films_through_the_frozen_trunk(films, trained) -> None:
    classifier = train.load_classifier(trained("linear_probe", "vit_phantom", films(train=8, val=4), pool="token"))
    images = torch.rand(2, 1, 16, 16, requires_grad=True)
    classifier.module(images)[:, 1].sum().backward()
    assert float(images.grad.abs().amax(dim=(1, 2, 3)).min()) > 0


def test_a_probe_reads_no_test_film_and_repeats_bit_for_bit(films, trained) -> None:
    dataset = films(train=8, val=4, test=4)
    images = np.array(dataset.images)
    images[dataset.rows("test")] = 255
    altered = type(dataset)(**{**vars(dataset), "images": images})
    first, second = (trained("linear_probe", "vit_phantom", each) for each in (dataset, altered))
    for name in ("weights.safetensors", "facts.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_penalties_are_chosen_on_validation_films_only(films, trained) -> None:
    text = "no validation films to choose one of 6 penalties by; give a single one, such as penalties"
    with pytest.raises(DataError, match=text):
        trained("linear_probe", "vit_phantom", films(train=8))
    out = trained("linear_probe", "vit_phantom", films(train=8), penalties=(0.1,))
    facts = json.loads((out / "facts.json").read_text())
    assert (facts["penalty"], facts["val_auc"]) == (0.1, None)


def test_a_head_of_two_layers_is_not_probed(films, trained) -> None:
    name = "deit_tiny_distilled_patch16_224"
    with pytest.raises(UnsupportedError, match=f"'{name}' has more than one linear layer as its head; use finetune"):
        trained("linear_probe", name, films(train=4, val=4, size=32))


def test_features_that_are_not_finite_are_a_diverged_result(films, trained) -> None:
    dataset = films(train=8, val=4)
    before = trained("finetune", "vit_phantom", dataset, epochs=1)
    weights = load_file(before / "weights.safetensors")
    weights["patch_embed.proj.weight"].fill_(3e38)
    train.weights.save(weights, before / "weights.safetensors")
    out = trained("linear_probe", "vit_phantom", dataset, initial=before)
    assert json.loads((out / "facts.json").read_text())["diverged"] is True
    assert all(bool(value.isfinite().all()) for value in load_file(out / "weights.safetensors").values())
