"""Sentences of the warnings box that come from what the stages left behind."""

from pathlib import Path

from study.conclude.facts import (
    chains,
    masking_warnings,
    peak_warnings,
    proxy_warnings,
    quarantine_warnings,
    rates,
)
from study.plan import expand
from study.protocol import read
from study.records import Quarantined
from study.store import Store

ROOT = Path(__file__).resolve().parents[2]


class Films:
    image_ids = ("a", "b", "c")
    quarantined = (Quarantined("broken.png", "truncated"),)


class Whole:
    image_ids = ("a",)
    quarantined = ()


def test_files_that_could_not_be_read_are_counted_per_dataset() -> None:
    sentences = quarantine_warnings({"films": Films(), "others": Whole()})  # type: ignore[dict-item]
    assert sentences == ["Data 'films': 1 of 4 files could not be read and were left out; section 9 lists them."]


def test_a_saturated_and_a_failed_proxy_are_named_and_a_good_one_is_not() -> None:
    def facts(accuracy: float) -> dict[str, object]:
        return {"kind": "rotation", "accuracy": accuracy, "chance": 0.25}

    found = proxy_warnings([("p, seed 0", facts(0.995)), ("p, seed 1", facts(0.4)), ("p, seed 2", facts(0.8))])
    assert found == [
        "p, seed 0: the proxy task is saturated (accuracy 0.995).",
        "p, seed 1: the proxy task was hardly learnt (accuracy 0.400, chance 0.250).",
    ]


def test_stages_without_a_proxy_task_raise_no_warning() -> None:
    assert proxy_warnings([("m, seed 0", {"kind": "mae"})]) == []


def test_a_stage_that_differs_between_arms_says_in_what(tmp_path: Path) -> None:
    protocol = read(ROOT / "protocols" / "occlusion_bias.yaml")
    plan = expand(protocol, {"shoulder": "sha256:shoulder"})
    texts = {chain.arm: chain.stages[-1][1] for chain in chains(plan, Store(tmp_path))}
    assert texts == {
        "baseline": "shoulder, 40 epochs",
        "occluded": "shoulder, 40 epochs, cutout 0.9",
        "judge": "shoulder, 40 epochs, jitter 0.2",
    }


def test_arms_of_a_recipe_are_told_by_what_is_not_as_usual(tmp_path: Path) -> None:
    protocol = read(ROOT / "protocols" / "augmentation.yaml")
    plan = expand(protocol, {"shoulder": "sha256:shoulder"})
    texts = {chain.arm: chain.stages[-1][1] for chain in chains(plan, Store(tmp_path))}
    assert texts["baseline"] == "shoulder, 40 epochs"
    assert texts["mixup"] == "shoulder, 40 epochs, mixup 0.2"
    assert texts["saliencymix"] == "shoulder, 40 epochs, saliencymix 1, mix share 0.5, saliency ignores marker"


def test_every_learning_rate_is_told_once_with_its_data_and_batch() -> None:
    plan = expand(read(ROOT / "protocols" / "mae_effect.yaml"), {"chest": "sha256:c", "shoulder": "sha256:s"})
    told = {(rate.kind, rate.data): rate.lr for rate in rates(plan)}
    assert told["mae", "chest"] == 2e-3  # what suits the phantom model; the protocol names none
    assert told["mae", "shoulder"] == 5e-4  # written in the protocol
    assert set(told) == {("mae", "chest"), ("mae", "shoulder"), ("rotation", "shoulder"), ("finetune", "shoulder")}
    assert len(rates(plan)) == len(told)


def test_side_letters_that_are_pasted_are_named_once_per_arm() -> None:
    rows = [
        ("saliencymix", {"peaks_in_marker": 0.61}),
        ("saliencymix", {"peaks_in_marker": 0.84}),
        ("without", {"peaks_in_marker": 0.0}),
        ("no_masks", {"peaks_in_marker": None}),
        ("baseline", {}),
    ]
    assert peak_warnings(rows) == [
        "saliencymix: in 84% of the training films the most salient place is the side letter, so saliencymix mostly "
        "pastes letters; saliency_ignores: marker leaves it out."
    ]


def test_masks_that_hide_the_centre_nearly_always_are_named() -> None:
    rows = [
        ("center", {"kind": "mae", "masked_central": 0.984, "centre_hardly_seen": True}),
        ("random", {"kind": "mae", "masked_central": 0.75, "centre_hardly_seen": False}),
        ("baseline", {"kind": "finetune"}),
    ]
    assert masking_warnings(rows) == [
        "center: the masks hide 98.4% of the central patches, so the encoder hardly ever sees the centre."
    ]
