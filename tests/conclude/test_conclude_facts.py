"""What a report says of the chains of a study: boxes and learning rates."""

from pathlib import Path

from study.conclude.facts import chains, rates
from study.plan import expand
from study.protocol import read
from study.store import Store

ROOT = Path(__file__).resolve().parents[2]


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
