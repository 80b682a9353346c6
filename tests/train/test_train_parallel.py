"""One training in two processes that talk through gloo: the same numbers as in one, and no waiting for the dead."""

import importlib
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from study import registry
from study.errors import DataError, Stopped, StudyError
from study.records import Allowance
from study.train import parallel
from study.train.loop import Draw, Step
from study.train.team import Team, _batch_norm

TASKS = [
    ("mae", "vit_phantom", {"masking": "center"}),
    ("mae", "densenet_phantom", {"loss": "all"}),
    ("rotation", "vit_phantom", {}),
    ("rotation", "vit_phantom", {"views": "all4"}),
    ("jigsaw", "vit_phantom", {"views": 2}),
    ("exemplar", "vit_phantom", {"views": 2}),
    ("finetune", "vit_phantom", {"accumulate": 2, "mixup": 0.4, "cutmix": 1.0, "class_weights": "balanced"}),
]
RECIPES = [
    ("mae", "vit_phantom", {"masking": "center"}),
    ("finetune", "vit_phantom", {"accumulate": 2, "mixup": 0.4, "ema": 0.9, "clip_grad": 1.0}),
    ("finetune", "densenet_phantom", {}),
]


def weights(folder: Path) -> dict[str, Tensor]:
    """Without those whose gradient is 0 but for rounding, which AdamW makes steps of all the same.

    The keys' bias adds the same to all of a query's products, and the scale of DenseNet's first norm is undone by the
    norms behind it.
    """
    found = {}
    for name, value in load_file(folder / "weights.safetensors").items():
        if name.endswith("attn.qkv.bias"):
            query, _, rest = value.chunk(3)
            value = torch.cat([query, rest])
        if not name.endswith("norm0.weight"):
            found[name] = value
    return found


def history(folder: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((folder / "history.json").read_text())
    return found


def timing(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "timing.json").read_text())
    return found


def test_shares_are_everything_once_and_differ_by_one_at_most() -> None:
    films = list(range(11))
    shares = [films[Team(rank, 4).share(11)] for rank in range(4)]
    assert shares == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]]
    assert films[Team().share(11)] == films


@pytest.mark.parametrize(("kind", "model", "chosen"), TASKS)
def test_the_losses_of_the_shares_add_up_to_that_of_the_batch(
    kind: str, model: str, chosen: dict[str, Any], films, trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught = []

    def catch(task: Any, *_: object) -> None:
        caught.append(task)
        raise StopIteration

    module = importlib.import_module(registry.TRAININGS[kind].path.partition(":")[0])
    monkeypatch.setattr(module, "fit", catch)
    with suppress(StopIteration):
        trained(kind, model, films(train=7, val=2, size=32), **chosen)
    task = caught[0]
    task.module.eval()  # BatchNorm of half a batch is another thing: below

    @torch.no_grad()
    def total(rank: int, size: int) -> dict[str, float]:
        picked, draw = torch.tensor([4, 0, 6, 2, 1]), Draw(("words", 0), 0, 0, Team(rank, size))
        steps: list[Step] = list(task.steps(picked, draw)) if hasattr(task, "steps") else [task.step(picked, draw)]
        weight = 1.0 if hasattr(task, "steps") else len(picked[draw.share(5)]) / 5
        names = ("loss", *steps[0].series)
        return {name: sum(float({"loss": s.loss, **s.series}[name]) for s in steps) * weight for name in names}

    whole, halves = total(0, 1), [total(rank, 2) for rank in range(2)]
    assert {name: halves[0][name] + halves[1][name] for name in whole} == pytest.approx(whole, rel=1e-5)
    assert halves[0]["loss"] != pytest.approx(halves[1]["loss"], rel=1e-3)


@dataclass(frozen=True)
class Threads(Team):
    """A team of two threads."""

    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    said: dict[int, Tensor] = field(default_factory=dict)

    def added(self, values: Tensor) -> Tensor:
        self.said[self.rank] = values.detach().clone()
        self.barrier.wait(10)
        values.copy_(self.said[0] + self.said[1])
        self.barrier.wait(10)
        return values


def test_batch_normalisation_sees_the_films_of_all_processes() -> None:
    draw = torch.Generator().manual_seed(0)
    images, down = (torch.randn(5, 3, 4, 2, generator=draw) * 2 + 7 for _ in range(2))
    weight, bias = torch.tensor([1.0, 2.0, -0.5]), torch.tensor([0.0, 1.0, 3.0])

    def normalised(rows: slice, team: Team | None) -> list[Tensor]:
        own = images[rows].clone().requires_grad_()
        w, b = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        moments = torch.zeros(3), torch.ones(3)
        settings = {"training": True, "momentum": 0.1, "eps": 1e-5}
        if team is None:
            out = F.batch_norm(own, *moments, w, b, **settings)
        else:
            out = _batch_norm(own, *moments, w, b, **settings, team=team)
        out.backward(down[rows])
        assert own.grad is not None
        assert w.grad is not None
        assert b.grad is not None
        return [out.detach(), own.grad, w.grad, b.grad, *moments]

    whole = normalised(slice(None), None)
    first = Threads(0, 2)
    teams = [first, Threads(1, 2, None, first.barrier, first.said)]
    parts: dict[int, list[Tensor]] = {}
    threads = [
        threading.Thread(target=lambda team=team: parts.update({team.rank: normalised(team.share(5), team)}))
        for team in teams
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    close = {"rtol": 1e-4, "atol": 1e-5}
    for place in (0, 1):
        torch.testing.assert_close(torch.cat([parts[0][place], parts[1][place]]), whole[place], **close)
    for place in (2, 3):
        torch.testing.assert_close(parts[0][place] + parts[1][place], whole[place], **close)
    for place in (4, 5):
        torch.testing.assert_close(parts[0][place], whole[place], **close)
        assert torch.equal(parts[0][place], parts[1][place])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "model", "chosen"), RECIPES)
def test_two_processes_train_what_one_does(
    kind: str, model: str, chosen: dict[str, Any], films, trained, place
) -> None:
    count = 20 if "accumulate" in chosen else 18  # 5 batches an epoch: of 4 films, or of 4, 4, 4, 3 and 3
    dataset = films(train=count, val=6, size=32)
    one = trained(kind, model, dataset, lr=1e-3, **chosen)
    two = trained(kind, model, dataset, lr=1e-3, context=place(cpus=2), **chosen)
    torch.testing.assert_close(weights(two), weights(one), rtol=1e-4, atol=1e-4 if model[0] == "d" else 1e-5)
    for ours, theirs in zip(history(two), history(one), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    facts = [json.loads((out / "facts.json").read_text()) for out in (one, two)]
    assert facts[0].keys() == facts[1].keys()
    assert [timing(out)["processes"] for out in (one, two)] == [1, 2]
    assert timing(two)["images_per_s"] == pytest.approx(2 * count / timing(two)["seconds"])
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_checkpoint_of_one_process_serves_two_and_back(films, trained, place) -> None:
    dataset = films(train=18, val=6, size=32)
    undisturbed = trained("finetune", "vit_phantom", dataset, lr=1e-3, ema=0.9)
    context, cpus = place(stop_at=(2, 7)), (1, 2, 1)
    for step, count in zip((2, 7, None), cpus, strict=True):
        context.allowance = Allowance(cpus=count)
        if step is not None:
            with pytest.raises(Stopped, match=f"stopped after step {step} of 10; the checkpoint is kept"):
                trained("finetune", "vit_phantom", dataset, lr=1e-3, ema=0.9, context=context)
            assert context.kept[0] == step
    resumed = trained("finetune", "vit_phantom", dataset, lr=1e-3, ema=0.9, context=context)
    torch.testing.assert_close(weights(resumed), weights(undisturbed), rtol=1e-4, atol=1e-5)
    assert history(resumed)[1]["val_auc"] == history(undisturbed)[1]["val_auc"]
    assert timing(resumed)["processes"] == 1


@pytest.mark.slow
def test_two_interrupted_processes_end_bit_for_bit_like_undisturbed_ones(films, trained, place) -> None:
    dataset, files = films(train=9, size=16), ("weights.safetensors", "history.json", "facts.json")
    undisturbed = trained("mae", "vit_phantom", dataset, context=place(cpus=2))
    context = place(stop_at=(4,), cpus=2)
    with pytest.raises(Stopped, match="stopped after step 4 of 6; the checkpoint is kept"):
        trained("mae", "vit_phantom", dataset, context=context)
    resumed = trained("mae", "vit_phantom", dataset, context=context)
    assert [(resumed / name).read_bytes() for name in files] == [(undisturbed / name).read_bytes() for name in files]


@pytest.mark.slow
def test_processes_without_films_leave_and_divergence_is_everybodys(films, trained, place) -> None:
    chosen = {"batch_size": 2, "lr": 1e30, "warmup": 0.0, "epochs": 3}  # 2 films a step for 3 processes
    out = trained("finetune", "vit_phantom", films(train=4), context=place(cpus=3), **chosen)
    assert timing(out)["processes"] == 2
    assert json.loads((out / "facts.json").read_text())["diverged"] is True


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_stage_at_once(rank: int, films, trained, place) -> None:
    killed: list[float] = []

    class Killer(place):  # type: ignore[misc,valid-type]
        def progress(self, step: int, of: int, **facts: float | str) -> None:
            if step == 3 and not killed:
                children = sorted(multiprocessing.active_children(), key=lambda child: child.pid or 0)
                children[rank].kill()
                killed.append(time.monotonic())

    expected = rf"^process {rank} of 2 was killed by signal 9 \(Killed\), so the others were ended too; .* is kept"
    with pytest.raises(StudyError, match=expected):
        trained("mae", "vit_phantom", films(train=18), epochs=500, context=Killer(cpus=2))
    assert time.monotonic() - killed[0] < 10
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_the_first_error_of_a_process_is_the_stages(films, trained, place) -> None:
    dataset = films(train=8)
    splits = tuple("test" if label else "train" for label in dataset.labels)
    one_class = type(dataset)(**{**vars(dataset), "splits": splits})
    with pytest.raises(DataError, match="all 4 training films are 'left'; a classifier needs two classes") as caught:
        trained("finetune", "vit_phantom", one_class, context=place(cpus=2))
    assert "Traceback" in caught.value.__notes__[0]


@pytest.mark.parametrize(("visible", "text"), [(0, "no GPUs"), (1, "1 GPU"), (2, "2 GPUs")])
def test_more_gpus_than_there_are_is_one_clear_message(
    visible: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: visible > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)
    with pytest.raises(
        StudyError, match=rf"^dispatch.gpus_per_run is 4, but this process sees {text}; ask for as many"
    ):
        parallel.processes_for(Allowance(gpus=4))
    assert parallel.processes_for(Allowance(cpus=3)) == (1 if visible else 3)
    assert parallel.processes_for(Allowance(gpus=max(visible, 1))) == max(visible, 1)


@pytest.fixture
def mapped(tmp_path: Path) -> Iterator[np.ndarray[Any, Any]]:
    ForkingPickler.register(np.memmap, parallel._mapped_again)
    np.save(tmp_path / "images.npy", np.arange(400_000, dtype=np.uint16).reshape(100, 40, 100))
    yield np.load(tmp_path / "images.npy", mmap_mode="r")
    del ForkingPickler._extra_reducers[np.memmap]


def test_mapped_films_travel_as_the_name_of_their_file(mapped: np.ndarray[Any, Any]) -> None:
    travelling = bytes(ForkingPickler.dumps(mapped))
    assert len(travelling) < 1000
    arrived = ForkingPickler.loads(travelling)
    assert isinstance(arrived, np.memmap)
    assert np.array_equal(arrived, mapped)


def test_a_piece_of_mapped_films_travels_as_its_content(mapped: np.ndarray[Any, Any]) -> None:
    arrived = ForkingPickler.loads(ForkingPickler.dumps(mapped[3:5]))
    assert np.array_equal(arrived, mapped[3:5])
