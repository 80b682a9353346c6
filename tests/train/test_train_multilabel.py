"""Several findings per film: losses, weights, figures and whole stages."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from study import train
from study.errors import DataError
from study.records import Dataset, Findings, NoLabels
from study.train.films import Films
from study.train.logistic import binary_regressions
from study.train.mixing import Mix, mixed
from study.train.multilabel import Weights, finding_losses, finding_weights, judged
from study.train.weights import load

PLAIN = Weights(torch.ones(2), torch.ones(2))


def several(dataset: Dataset, present: np.ndarray | None = None) -> Dataset:
    """Bright squares as findings: `left`, `right`; every fourth film has both named, every eighth none."""
    if present is None:
        side = np.arange(len(dataset.image_ids)) % 2
        present = np.stack([side == 0, side == 1], axis=1)
        present[::4] = True
        present[::8] = False
    targets = np.where(present.any(axis=1), present.argmax(axis=1), -1).astype(np.int64)
    return replace(dataset, labels=NoLabels(dataset.name), findings=Findings(present, targets))  # type: ignore[arg-type]


def test_the_loss_by_hand() -> None:
    # sigmoid(0) = 1/2 and sigmoid(ln 3) = 3/4
    logits, targets = torch.tensor([[0.0, math.log(3)]]), torch.tensor([[1.0, 0.0]])
    assert finding_losses(logits, targets, PLAIN, 0.0).tolist() == pytest.approx([(math.log(2) + math.log(4)) / 2])
    smooth = (math.log(2) - 0.9 * math.log(1 / 4) - 0.1 * math.log(3 / 4)) / 2  # 0.2: the answer counts 0.9
    assert finding_losses(logits, targets, PLAIN, 0.2).tolist() == pytest.approx([smooth])
    weights = Weights(torch.tensor([3.0, 5.0]), torch.tensor([7.0, 0.5]))
    weighed = (3 * math.log(2) + 0.5 * math.log(4)) / 2
    assert finding_losses(logits, targets, weights, 0.0).tolist() == pytest.approx([weighed])


def test_the_loss_is_torchs_and_stays_finite_where_a_probability_is_zero() -> None:
    logits, targets = torch.randn(5, 3), torch.rand(5, 3)
    ones = Weights(torch.ones(3), torch.ones(3))
    wanted = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
    torch.testing.assert_close(finding_losses(logits, targets, ones, 0.0), wanted)
    extreme = finding_losses(torch.tensor([[200.0, -200.0]]), torch.tensor([[0.0, 1.0]]), PLAIN, 0.0)
    assert extreme.tolist() == [200.0]


def test_balanced_weights_by_hand() -> None:
    # 8 films: one has the first finding, 4 the second, none the third
    weights = finding_weights([1, 4, 0], 8, "balanced")
    assert weights.present.tolist() == [4.0, 1.0, 4.0]
    assert weights.absent.tolist() == pytest.approx([8 / 14, 1.0, 0.5])
    assert float(1 * weights.present[0] + 7 * weights.absent[0]) == pytest.approx(8)  # mean 1 over the films
    assert float(weights.present[0] / weights.absent[0]) == pytest.approx(7)  # pos_weight: without over with
    plain = finding_weights([1, 4, 0], 8, "none")
    assert plain.present.tolist() == plain.absent.tolist() == [1.0, 1.0, 1.0]


def test_undefined_findings_are_left_out_of_the_auc_and_counted() -> None:
    logits = torch.tensor([[-1.0, 5.0, 0.0], [1.0, 5.0, 1.0], [0.5, 5.0, 2.0], [2.0, -5.0, 3.0]])
    present = np.array([[0, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0]], dtype=bool)
    found = judged(logits, present)
    # the first finding: of 4 pairs (1 and 3) 3 are in order; the others have one side only
    assert found == {"val_auc": 0.75, "val_auc_undefined": 2.0, "val_accuracy": pytest.approx((3 + 3 + 0) / 12)}
    assert judged(logits[:2], present[:2])["val_auc"] is None
    assert judged(logits[:2], present[:2])["val_auc_undefined"] == 3.0
    assert judged(logits * float("nan"), present)["val_auc"] is None
    assert judged(logits[:0], present[:0]) == {"val_auc": None, "val_auc_undefined": None, "val_accuracy": None}


def test_findings_are_mixed_with_the_shares_of_the_pixels() -> None:
    images, targets = torch.zeros(2, 1, 8, 8), torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    mix = Mix("mixup", torch.tensor([1, 0]), torch.tensor([0.75, 0.5], dtype=torch.float64), torch.zeros(2, 2))
    _, soft = mixed(images, targets, mix, find=lambda _: torch.zeros(2, 2))
    assert soft.tolist() == [[0.75, 1.0, 0.0], [0.5, 1.0, 0.0]]
    box = Mix("cutmix", mix.partners, torch.tensor([0.75, 0.75], dtype=torch.float64), torch.full((2, 2), 4))
    _, soft = mixed(images, targets, box, find=lambda _: torch.zeros(2, 2))
    assert soft.tolist() == [[0.75, 1.0, 0.0], [0.25, 1.0, 0.0]]  # a box of 4 x 4 in 8 x 8


def test_films_give_rows_of_findings_or_one_hot_labels(films) -> None:
    dataset = films(train=8)
    picked = torch.tensor([0, 1, 4])
    cpu = torch.device("cpu")
    assert Films(dataset, dataset.rows("train"), 1, cpu).targets(picked, 2).tolist() == [[1, 0], [0, 1], [1, 0]]
    own = several(dataset)
    assert Films(own, own.rows("train"), 1, cpu).targets(picked, 2).tolist() == [[0, 0], [0, 1], [1, 1]]


def test_the_regressions_are_those_of_scikit_learn_one_by_one() -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(40, 4, generator=draw, dtype=torch.float64)
    present = (torch.rand(40, 3, generator=draw) < torch.tensor([0.5, 0.3, 0.1])).double()
    ours = binary_regressions(features, present, penalty=0.05).logits(features).sigmoid().numpy()
    for k in range(3):
        theirs = LogisticRegression(C=1 / (0.05 * 40), tol=1e-10, max_iter=10000)
        theirs.fit(features.numpy(), present[:, k].numpy())
        np.testing.assert_allclose(ours[:, k], theirs.predict_proba(features.numpy())[:, 1], atol=1e-5)


def test_a_finding_that_no_film_has_gets_a_small_probability() -> None:
    features = torch.randn(10, 3, dtype=torch.float64)
    found = binary_regressions(features, torch.zeros(10, 1), penalty=0.1)
    assert found.weight.abs().max() < 1e-6
    assert found.logits(features).sigmoid().max() < 1e-6


@pytest.mark.parametrize("kind", ["finetune", "linear_probe"])
def test_a_stage_leaves_a_classifier_with_a_probability_per_finding(kind: str, films, trained) -> None:
    dataset = several(films(train=24, val=8))
    chosen = {"epochs": 3, "mixup": 0.4, "class_weights": "balanced", "label_smoothing": 0.1, "flip": False}
    folder = trained(kind, "densenet_phantom", dataset, **(chosen if kind == "finetune" else {}))
    facts = json.loads((folder / "facts.json").read_text())
    assert facts["class_counts"] == dataset.findings.present[:24].sum(axis=0).tolist()  # type: ignore[union-attr]
    assert facts["val_auc_undefined"] == 0
    assert 0 <= facts["val_auc"] <= 1
    classifier = train.load_classifier(folder)
    assert classifier.outputs == "sigmoid"
    images = train.to_tensor(dataset.images[:5], mean=dataset.mean, std=dataset.std, in_chans=1)
    p = train.probabilities(classifier, images)
    torch.testing.assert_close(p, classifier.module(images).double().sigmoid())
    assert not torch.allclose(p.sum(dim=1), torch.ones(5, dtype=torch.float64))


def test_fine_tuning_learns_findings_that_come_alone_together_or_not_at_all(films, trained) -> None:
    dataset = films(train=96, val=24)
    draw = np.random.default_rng(0)
    present = draw.random((120, 2)) < 0.5
    images = draw.integers(0, 80, (120, 16, 16)).astype(np.uint8)
    images[present[:, 0], 6:10, 2:6] += 150
    images[present[:, 1], 6:10, 10:14] += 150
    dataset = several(replace(dataset, images=images), present)
    folder = trained("finetune", "densenet_phantom", dataset, epochs=6, batch_size=16, lr=3e-3)
    history = json.loads((folder / "history.json").read_text())
    assert max(row["val_auc"] for row in history) > 0.95
    assert all(row["val_auc_undefined"] == 0 for row in history)
    facts = json.loads((folder / "facts.json").read_text())
    assert facts["val_auc"] == max(row["val_auc"] for row in history)


def test_supervised_pretraining_on_findings_hands_its_trunk_to_one_label_per_film(films, trained) -> None:
    source = several(films(train=16, val=8))
    first = trained("supervised", "densenet_phantom", source, epochs=1)
    facts = json.loads((first / "facts.json").read_text())
    assert facts["class_weights"] == facts["absent_weights"] == [1.0, 1.0]
    second = trained("finetune", "densenet_phantom", films(train=8, val=4), initial=first, epochs=1, lr=1e-9)
    assert "outputs" not in json.loads((second / "facts.json").read_text())
    before, after = load(first), load(second)
    name = "features.denseblock1.denselayer1.conv1.weight"
    torch.testing.assert_close(before[name], after[name], atol=1e-6, rtol=0)
    assert train.load_classifier(second).outputs == "softmax"


def test_findings_that_all_films_have_or_none_are_no_task(films, trained) -> None:
    present = np.zeros((12, 2), dtype=bool)
    present[:, 0] = True
    with pytest.raises(DataError, match=r"of none of the findings left, right there are training films with it"):
        trained("finetune", "densenet_phantom", several(films(train=8, val=4), present), epochs=1)
