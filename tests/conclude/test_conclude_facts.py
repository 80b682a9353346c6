"""Sentences of the warnings box that come from what the stages left behind."""

from pathlib import Path

from study.conclude.facts import chains, proxy_warnings, quarantine_warnings
from study.plan import expand
from study.protocol import read
from study.records import Quarantined

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


def test_a_stage_that_differs_between_arms_says_in_what() -> None:
    protocol = read(ROOT / "protocols" / "occlusion_bias.yaml")
    plan = expand(protocol, {"shoulder": "sha256:shoulder"})
    texts = {chain.arm: chain.stages[-1][1] for chain in chains(plan)}
    assert texts == {
        "baseline": "shoulder, 40 epochs, jitter 0.1, cutout 0.0",
        "occluded": "shoulder, 40 epochs, jitter 0.1, cutout 0.9",
        "judge": "shoulder, 40 epochs, jitter 0.2, cutout 0.0",
    }
