"""Recipes of fine-tuning: presets, rates, ways to mix, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.errors import ProtocolError
from study.plan import expand
from study.protocol import read
from study.protocol.randaug import RADIOGRAPH_SAFE, TIMM
from study.protocol.stages import FinetuneSettings, MaeSettings, RotationSettings

Write = Callable[..., Path]
ARM = "baseline: [finetune]"
DIGESTS = {"chest": "sha256:chest", "shoulder": "sha256:shoulder"}


def told(path: Path) -> list[tuple[str, str]]:
    """The problems of a file as (where, message)."""
    with pytest.raises(ProtocolError) as caught:
        read(path)
    return [(problem.where, problem.message) for problem in caught.value.problems]


def resolved(settings: Any, model: str = "vit_small_patch16_224", family: str = "vit") -> dict[str, Any]:
    found: dict[str, Any] = settings.resolved(model=model, family=family, target="shoulder").model_dump()
    return found


# What the reference's tables say of each recipe; lr = blr * batch / 256.
TABLES: dict[str, dict[str, Any]] = {
    "medical_mae": {
        "epochs": 75, "warmup": 5 / 75, "batch_size": 1024, "lr": 1e-3, "min_lr": 1e-5, "weight_decay": 0.05,
        "layer_decay": 0.55, "drop_path": 0.2, "mixup": 0, "cutmix": 0, "erase": 0, "label_smoothing": 0,
        "crop": (0.08, 1.0), "flip": True, "jitter": 0, "pool": "mean",
        "randaug": {"magnitude": 6, "deviation": 0.5, "layers": 2, "probability": 0.5, "ops": TIMM},
    },
    "mae_imagenet_base": {
        "epochs": 100, "warmup": 5 / 100, "batch_size": 1024, "lr": 2e-3, "min_lr": 1e-6, "weight_decay": 0.05,
        "layer_decay": 0.65, "drop_path": 0.1, "mixup": 0.8, "cutmix": 1.0, "erase": 0.25, "label_smoothing": 0.1,
        "crop": (0.08, 1.0), "flip": True, "jitter": 0, "pool": "mean", "mix_per": "batch",
        "randaug": {"magnitude": 9, "deviation": 0.5, "layers": 2, "probability": 0.5, "ops": TIMM},
    },
    "mae_imagenet_large": {
        "epochs": 50, "warmup": 5 / 50, "batch_size": 1024, "lr": 4e-3, "layer_decay": 0.75, "drop_path": 0.2,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_preset_is_what_was_published(name: str) -> None:
    found = resolved(FinetuneSettings(preset=name))
    assert {key: found[key] for key in TABLES[name]} == TABLES[name]
    assert found["preset"] is found["blr"] is None  # only what follows from them counts


def test_the_recipes_for_a_cnn_and_for_pretraining() -> None:
    cnn = resolved(FinetuneSettings(preset="medical_mae"), "densenet121", "cnn")
    assert (cnn["layer_decay"], cnn["drop_path"], cnn["lr"]) == (1.0, 0.0, 1e-3)
    mae = resolved(MaeSettings(preset="medical_mae"))
    assert (mae["mask_ratio"], mae["crop"], mae["target"]) == (0.9, (0.5, 1.0), "pixel")
    assert (mae["epochs"], mae["warmup"], mae["batch_size"]) == (800, 40 / 800, 2048)
    assert mae["lr"] == pytest.approx(1.2e-3)
    mae = resolved(MaeSettings(preset="mae_imagenet"))
    assert (mae["mask_ratio"], mae["crop"], mae["target"]) == (0.75, (0.2, 1.0), "norm_pixel")
    assert mae["lr"] == pytest.approx(2.4e-3)


def test_what_is_written_beside_a_preset_replaces_its_value() -> None:
    found = resolved(FinetuneSettings(preset="medical_mae", batch_size=64, drop_path=0.0, jitter=0.2, randaug="none"))
    assert found["lr"] == pytest.approx(2.5e-4 * 64 / 256)
    assert (found["drop_path"], found["jitter"], found["randaug"], found["layer_decay"]) == (0.0, 0.2, "none", 0.55)
    assert resolved(FinetuneSettings(preset="medical_mae", lr=3e-4))["lr"] == 3e-4


def test_a_preset_and_its_values_written_out_are_one_training(write: Write) -> None:
    def key(text: str) -> tuple[str, ...]:
        return expand(read(write(ARM, f"baseline: [{text}]")), DIGESTS).runs[0].training

    short = key("finetune: {preset: medical_mae, randaug: none}")
    values = {**TABLES["medical_mae"], "randaug": "none", "blr": 2.5e-4, "crop": [0.08, 1.0], "flip": "true"}
    del values["lr"]
    written = ", ".join(f"{name}: {value}" for name, value in values.items())
    assert short == key(f"finetune: {{{written}}}")
    assert short != key("finetune")


def test_a_preset_written_out_is_read_as_the_same_one() -> None:
    settings = FinetuneSettings(preset="medical_mae", jitter=0.2)
    again = FinetuneSettings.model_validate(settings.written())
    assert resolved(again) == resolved(settings)
    assert settings.written()["jitter"] == 0.2
    assert "crop" not in settings.written()


def test_a_base_rate_counts_the_whole_batch() -> None:
    assert resolved(RotationSettings(blr=1e-3, batch_size=64), "vit_phantom")["lr"] == pytest.approx(2.5e-4)
    one, many = (resolved(FinetuneSettings(blr=1e-3, batch_size=512, accumulate=n))["lr"] for n in (1, 8))
    assert one == many == pytest.approx(2e-3)


def test_the_default_operations_are_safe_for_radiographs() -> None:
    found = resolved(FinetuneSettings.model_validate({"randaug": {"magnitude": 7.0}}))
    assert found["randaug"]["ops"] == RADIOGRAPH_SAFE
    assert not {"equalize", "posterize", "solarize", "invert"} & set(RADIOGRAPH_SAFE)


REFUSED = [
    ("finetune: {lr: 0.001, blr: 0.001}", "finetune", "give either lr (the rate itself) or blr (lr = blr * batch_size / 256), not both"),
    ("finetune: {min_lr: 0.01}", "finetune.min_lr", "found 0.01, above the rate of vit_phantom (lr 0.002); the rate falls to min_lr, so give a lower one"),
    ("finetune: {mix_share: 0.5}", "finetune.mix_share", "nothing is mixed here; give mixup, cutmix or saliencymix as well"),
    ("finetune: {saliency_ignores: marker}", "finetune.saliency_ignores", "only saliencymix looks at saliency; give saliencymix: 1.0 as well, or leave this out"),
    ("linear_probe: {penalties: []}", "linear_probe.penalties", "found []; the list must have at least 1 item"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where", "message"), REFUSED)
def test_what_cannot_be_is_refused(text: str, where: str, message: str, write: Write) -> None:
    assert told(write(ARM, f"baseline: [{text}]")) == [(f"arms.baseline[0].{where}", message)]


def test_a_cnn_has_neither_a_class_token_nor_a_transformers_recipe(write: Write) -> None:
    stage = "finetune: {preset: mae_imagenet_base, pool: token}"
    path = write(ARM, f"baseline: [{stage}]", "models: [vit_phantom]", "models: [densenet_phantom]")
    assert sorted(told(path)) == [
        ("arms.baseline[0].finetune.pool", "densenet_phantom is a CNN, which has no class token; leave pool out"),
        (
            "arms.baseline[0].finetune.preset",
            "'mae_imagenet_base' is a recipe for vision transformers; densenet_phantom is a CNN\nknown for it: medical_mae",
        ),
    ]


def test_a_linear_probe_ends_a_chain(write: Write) -> None:
    plan = expand(read(write("0.75}, finetune]", "0.75}, linear_probe]")), DIGESTS)
    assert {run.arm: [plan.stages[key].kind for key in run.training] for run in plan.runs} == {
        "baseline": ["finetune"],
        "mae_random": ["mae", "linear_probe"],
    }
