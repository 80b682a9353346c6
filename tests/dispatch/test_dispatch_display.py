"""What a watcher sees, on a terminal and in a file."""

import io

import pytest
from rich.console import Console
from toy_study import toy_plan

from study.dispatch.display import LineDisplay, Snapshot, StageInWork, cells, duration, open_display, render, summary
from study.dispatch.estimate import Estimate

PLAN = toy_plan(arms=("baseline", "random", "center"))


def key_of(label: str) -> str:
    return next(key for key, stage in PLAN.stages.items() if stage.label == label)


def snapshot(present: set[str] = frozenset(), problems: tuple[str, ...] = (), busy: str = "") -> Snapshot:  # type: ignore[assignment]
    progress = {"step": 43, "of": 100, "facts": {"images_per_s": 812.4}}
    job = next(job for job in PLAN.jobs if not busy or key_of(busy) in job.stages)
    in_work = (StageInWork(PLAN.stages[key_of(busy)], job.runs, progress, 65.0),) if busy else ()
    return Snapshot(PLAN, frozenset(present), {key_of(name): "broke" for name in problems}, in_work, 3, 65.0, 700.0)


def test_a_shared_stage_in_work_shows_in_the_cells_of_all_its_runs() -> None:
    shown = cells(snapshot(busy="mae seed1"))
    assert shown["random-vit-seed1"] == shown["center-vit-seed1"] == "mae 43 %"
    assert shown["baseline-vit-seed1"] == shown["random-vit-seed0"] == "·"


def test_a_run_is_failed_by_its_own_stage_and_blocked_by_a_shared_one() -> None:
    shown = cells(snapshot(problems=("mae seed0", "finetune random-vit-seed1")))
    assert shown["random-vit-seed0"] == shown["center-vit-seed0"] == "⊘"
    assert shown["random-vit-seed1"] == "✗"
    assert shown["center-vit-seed1"] == "·"


def test_the_table_names_arms_seeds_speed_and_the_time_left() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(render(snapshot(set(PLAN.runs[0].stages), busy="mae seed1")))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "seed 0" in text
    assert "baseline    ✓" in text
    assert "mae seed1 · 43 % · images per s 812.4 · 1 min 5 s" in text
    assert f"4 of {len(PLAN.stages)} stages · 1 min 5 s so far · about 11 min 40 s left" in text


def test_lines_are_one_per_job_and_not_one_per_measure_stage() -> None:
    stream = io.StringIO()
    display = open_display(stream)
    assert isinstance(display, LineDisplay)
    for job in PLAN.jobs[-2:]:
        display.finished(job, snapshot())
    lines = stream.getvalue().splitlines()
    assert [line.split("  ")[1].split(" · ")[0] for line in lines] == [
        "evaluation of center-vit-seed0 done",
        "evaluation of center-vit-seed1 done",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_time_left_is_unknown_until_every_kind_was_seen_once() -> None:
    estimate = Estimate(PLAN)
    assert estimate.remaining(PLAN.stages, {}, 2) is None
    assert "left" not in summary(Snapshot(PLAN, frozenset(), {}, (), 3, 1.0, None))


def test_time_left_is_the_work_over_the_workers_but_at_least_the_longest_chain() -> None:
    estimate = Estimate(PLAN)
    for label, seconds in (("data shoulder", 1.0), ("mae seed0", 10.0), ("finetune baseline-vit-seed0", 5.0)):
        estimate.learn(key_of(label), seconds)
    for kind in ("predict", "explain", "measure ehr"):
        estimate.learn(key_of(f"{kind} baseline-vit-seed0"), 2.0)
    # 1 data + 2 mae * 10 + 6 finetune * 5 + 18 * 2 = 87; longest chain 1 + 10 + 5 + 6 = 22
    assert estimate.remaining(PLAN.stages, {}, 1) == 87.0
    assert estimate.remaining(PLAN.stages, {}, 2) == 43.5
    assert estimate.remaining(PLAN.stages, {}, 100) == 22.0
    last = key_of("mae seed1")
    assert estimate.remaining([last], {last: 4.0}, 2) == 6.0
