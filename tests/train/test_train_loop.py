import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from study.errors import DataError, Stopped, StudyError
from study.records import StageContext
from study.train.loop import Draw, Schedule, Step, Trained, fit, parameter_groups, rate
from study.train.models import build

FILES = ("weights.safetensors", "history.json", "facts.json")
STAGES = [
    ("mae", "vit_phantom", {"masking": "center"}),
    ("mae", "densenet_phantom", {}),
    ("rotation", "vit_phantom", {}),
    ("finetune", "vit_phantom", {"drop_path": 0.5}),
    ("finetune", "densenet_phantom", {"flip": True}),
]


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


@pytest.mark.parametrize(("kind", "model", "chosen"), STAGES)
def test_an_interrupted_stage_ends_bit_for_bit_like_an_undisturbed_one(
    kind: str, model: str, chosen: dict[str, object], films, trained, place
) -> None:
    dataset = films(train=9, val=6, size=24 if model == "vit_phantom" else 32)  # 3 batches of 3 per epoch
    undisturbed = trained(kind, model, dataset, epochs=3, **chosen)
    context = place(stop_at=(1, 3, 4, 8))
    for step in context.stop_at:
        with pytest.raises(Stopped, match=f"stopped after step {step} of 9; the checkpoint is kept"):
            trained(kind, model, dataset, epochs=3, context=context, **chosen)
        assert context.kept[0] == step
    resumed = trained(kind, model, dataset, epochs=3, context=context, **chosen)
    assert contents(resumed) == contents(undisturbed)
    weights = load_file(resumed / "weights.safetensors")
    assert any(value.is_floating_point() and value.abs().max() > 0 for value in weights.values())


def test_dropped_paths_are_really_random_and_named_by_the_seed(films, trained) -> None:
    dataset = films(train=8)
    frozen = {"epochs": 1, "crop": (1.0, 1.0), "jitter": 0.0, "lr": 1e-30, "batch_size": 8}
    losses = []
    for chosen in ({"drop_path": 0.0}, {"drop_path": 0.5}, {"drop_path": 0.5}):
        out = trained("finetune", "vit_phantom", dataset, **frozen, **chosen)
        losses.append(json.loads((out / "history.json").read_text())[0]["loss"])
    assert losses[0] != losses[1]
    assert losses[1] == losses[2]


@pytest.mark.parametrize(("kind", "model", "chosen"), STAGES[:1] + STAGES[3:4])
def test_another_seed_gives_other_weights(kind: str, model: str, chosen: dict[str, object], films, trained) -> None:
    dataset = films(train=8)
    first, second = (trained(kind, model, dataset, seed=seed, epochs=1, **chosen) for seed in (0, 1))
    assert contents(first)[0] != contents(second)[0]


def test_training_leaves_the_global_generator_as_it_was(films, trained) -> None:
    dataset = films(train=8)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    trained("finetune", "vit_phantom", dataset, epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_stage_does_not_depend_on_the_global_generator(films, trained) -> None:
    dataset = films(train=8)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(contents(trained("mae", "vit_phantom", dataset, epochs=1)))
    assert found[0] == found[1]


def test_timings_stay_out_of_the_compared_files(films, trained) -> None:
    out = trained("finetune", "vit_phantom", films(train=8), epochs=1)
    timing = json.loads((out / "timing.json").read_text())
    measured = {"seconds", "cpu_seconds", "images_per_s", "peak_memory_mb"}
    assert set(timing) == measured | {"device", "device_name", "processes", "threads", "torch"}
    assert timing["images_per_s"] == pytest.approx(8 / timing["seconds"])
    facts = json.loads((out / "facts.json").read_text())
    assert not {"seconds", "images_per_s", "device"} & set(facts)


@pytest.mark.parametrize("kind", ["mae", "rotation", "finetune"])
def test_the_rate_and_its_base_rate_are_told_together(kind: str, films, trained) -> None:
    out = trained(kind, "vit_phantom", films(train=8), epochs=1, batch_size=4, lr=1e-3)
    facts = json.loads((out / "facts.json").read_text())
    assert facts["lr"] == 1e-3
    assert facts["blr"] == pytest.approx(0.064)  # lr = blr * 4 / 256


def test_every_step_is_told(films, trained, place) -> None:
    context = place()
    trained("finetune", "vit_phantom", films(train=10), context=context, epochs=2)  # 4 + 3 + 3 films an epoch
    assert (context.step, context.of) == (6, 6)
    assert context.facts["loss"] > 0
    assert context.facts["images_per_s"] > 0


@pytest.mark.parametrize("kind", ["mae", "rotation", "finetune"])
def test_a_diverged_stage_finishes_with_finite_weights(kind: str, films, trained) -> None:
    out = trained(kind, "vit_phantom", films(train=8, val=4), epochs=4, lr=1e30, warmup=0.0)
    facts = json.loads((out / "facts.json").read_text())
    history = json.loads((out / "history.json").read_text())
    assert facts["diverged"] is True
    assert facts["epochs_done"] == len(history) < 4
    weights = load_file(out / "weights.safetensors")
    assert all(bool(value.isfinite().all()) for value in weights.values())


class Drift:
    """One weight that gradient steps move; the loss of the third epoch is not finite."""

    def __init__(self) -> None:
        self.module = torch.nn.Linear(1, 1, bias=False)
        self.n_films = 4

    def step(self, picked: torch.Tensor, draw: Draw) -> Step:
        loss = self.module.weight.sum() * (math.nan if (draw.epoch, draw.batch) == (2, 1) else 1.0)
        return Step(loss, {})

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        return {"weight": float(self.module.weight.detach()), "odd": math.inf}


def fitted(context: StageContext, maximise: str | None = None) -> tuple[Drift, Trained]:
    task = Drift()
    schedule = Schedule(("drift", 0), epochs=5, batch_size=2, lr=0.1, warmup=0.0, betas=(0.9, 0.9), maximise=maximise)
    return task, fit(task, parameter_groups(task.module, weight_decay=0.0), schedule, context)


def test_a_late_divergence_keeps_the_last_sound_epoch(place) -> None:
    task, result = fitted(place())
    assert result.progress.diverged
    assert result.epoch == len(result.progress.history) == 2
    assert float(task.module.weight.detach()) == result.progress.history[1]["weight"]


def test_a_late_divergence_after_a_resumed_epoch_keeps_the_same(place) -> None:
    context = place(stop_at=(5,))
    with pytest.raises(Stopped, match="stopped after step 5 of 10"):
        fitted(context)
    task, result = fitted(context)
    assert float(task.module.weight.detach()) == result.progress.history[1]["weight"]


def test_the_earliest_best_epoch_is_kept(place) -> None:
    task, result = fitted(place(), maximise="weight")  # the weight falls, so the first epoch is best
    assert result.epoch == 1
    assert float(task.module.weight.detach()) == result.progress.history[0]["weight"]


def test_what_is_not_finite_is_undefined_in_the_history(place) -> None:
    assert [entry["odd"] for entry in fitted(place())[1].progress.history] == [None, None]


def test_the_rate_rises_linearly_and_falls_as_half_a_cosine() -> None:
    rates = [rate(step, 20, lr=1.0, warmup=0.2) for step in range(20)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[12] == pytest.approx(0.5)  # half way between step 4 and step 20
    assert 0 < rates[19] < 0.01
    assert rate(0, 10, lr=1.0, warmup=0.0) == 1.0


def test_vectors_and_tokens_do_not_decay() -> None:
    module = build("vit_phantom", num_classes=2, image_size=16, in_chans=1)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    groups = parameter_groups(module, weight_decay=0.05, scales={"head.weight": 0.5})
    free = {names[id(p)] for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    assert "cls_token" in free
    assert "blocks.0.norm1.weight" in free
    assert "pos_embed" not in free  # fixed, so in no group
    assert all(name.endswith(("weight", "bias", "token")) for name in free)
    scaled = [group for group in groups if group["lr_scale"] == 0.5]
    assert [names[id(p)] for group in scaled for p in group["params"]] == ["head.weight"]
    assert scaled[0]["weight_decay"] == 0.05


def test_an_unknown_stage_is_answered_with_the_known_ones(films, trained, settings, place, tmp_path) -> None:
    from study import train

    dataset = films(train=4)
    with pytest.raises(StudyError, match="'finetun' is not a known training stage; did you mean 'finetune'"):
        train.train(
            "finetun",
            settings("finetune", "vit_phantom"),
            model="vit_phantom",
            dataset=dataset,
            initial=None,
            seed=0,
            classes=dataset.classes,
            out=tmp_path,
            context=place(),
        )


def test_films_without_spread_cannot_be_normalised(films, trained) -> None:
    dataset = films(train=4)
    flat = type(dataset)(**{**vars(dataset), "std": 0.0})
    with pytest.raises(DataError, match=r"dataset 'squares': mean 0\.\d+ and std 0 cannot normalise films"):
        trained("finetune", "vit_phantom", flat)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("kind", "model", "chosen"), STAGES)
def test_a_stage_repeats_bit_for_bit_on_the_device(
    kind: str, model: str, chosen: dict[str, object], films, trained
) -> None:
    dataset = films(train=9, val=6, size=32)
    first, again = (trained(kind, model, dataset, epochs=2, **chosen) for _ in range(2))
    assert json.loads((first / "timing.json").read_text())["device"] == "cuda"
    assert contents(first) == contents(again)
