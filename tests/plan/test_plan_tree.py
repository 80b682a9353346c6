"""What `study plan` prints."""

import os
from pathlib import Path

import pytest
from rich.console import Console

from study.plan import expand, render_plan
from study.plan.cost import Expected, expected, guess_s
from study.plan.tree import spoken
from study.protocol import Protocol, read
from study.records import Job, Plan

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = read(ROOT / "protocols" / "mae_effect.yaml", {"workers": 2})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return expand(PROTOCOL, {"chest": "sha256:c", "shoulder": "sha256:s"})


def printed(
    plan: Plan, done: set[str], seconds: dict[str, float], *, protocol: Protocol = PROTOCOL, workers: int | None = 2
) -> str:
    console = Console(width=160, record=True, file=open(os.devnull, "w", encoding="utf8"))  # noqa: SIM115
    console.print(render_plan(plan, protocol, done.__contains__, lambda stage: seconds.get(stage.key), workers=workers))
    console.file.close()
    return console.export_text()


def test_a_fresh_plan_says_what_is_shared_and_that_its_time_is_a_guess(plan: Plan) -> None:
    text = printed(plan, set(), {})
    assert "baseline  (reference)" in text
    assert "mae  chest  random  0.75  30 epochs  lr 0.002 (blr 0.008)   3 to do   shared with mae_center, proxy" in text
    assert "mae  shoulder  center  12 epochs  lr 0.0005 (blr 0.002)   3 to do\n" in text
    assert "4 arms x 1 model x 3 seeds = 12 runs, 0 of them done" in text
    assert f"{len(plan.stages)} stages: 0 done, {len(plan.stages)} to do" in text
    assert "with 2 workers (a coarse guess, for one CPU core each; it gets better once stages are timed)" in text


def test_a_finished_plan_says_so_and_names_no_time(plan: Plan) -> None:
    text = printed(plan, set(plan.stages), {})
    assert "12 runs, 12 of them done" in text
    assert "all 3 done" in text
    assert "worker" not in text


def test_a_half_done_plan_counts_what_is_there(plan: Plan) -> None:
    run = plan.runs[0]
    assert run.arm == "baseline"
    text = printed(plan, set(run.stages), {})
    assert "finetune  shoulder  lr 0.002 (blr 0.032)   1 of 3 done" in text
    assert "12 runs, 1 of them done" in text


def test_stages_like_finished_ones_take_the_median_of_their_times(plan: Plan) -> None:
    finetunes = [s.key for s in plan.stages.values() if s.kind == "finetune"]
    seconds = dict(zip(finetunes[:3], (10.0, 20.0, 90.0), strict=True))
    left = expected(plan, finetunes[3:5], lambda stage: seconds.get(stage.key))
    assert (left.work, left.is_timed) == (40.0, True)


def test_other_stages_of_a_timed_kind_take_the_guess_corrected(plan: Plan) -> None:
    chest, shoulder = (
        next(s for s in plan.stages.values() if s.kind == "mae" and s.recipe["settings"]["masking"] == masking)
        for masking in ("random", "center")
    )
    twice = {chest.key: 2 * guess_s(chest, plan.stages)}
    left = expected(plan, [shoulder.key], lambda stage: twice.get(stage.key))
    assert left.work == pytest.approx(2 * guess_s(shoulder, plan.stages))
    assert not left.is_timed


def test_guesses_are_of_the_right_size(plan: Plan) -> None:
    """The embedded study took 674 to 720 CPU seconds (pretraining.md, section 13), evaluation apart; of the whole, on
    two cores of an AMD EPYC, `make study` says about ten minutes with its report."""
    trainings = [s.key for s in plan.stages.values() if "epochs" in s.recipe.get("settings", {})]
    assert 350 < expected(plan, trainings, lambda stage: None).work < 1400
    assert 400 < expected(plan, plan.stages, lambda stage: None).wall(plan, 2) < 600


def test_a_map_that_asks_no_model_and_a_score_cost_next_to_nothing(plan: Plan) -> None:
    guesses = {stage.label: guess_s(stage, plan.stages) for stage in plan.stages.values()}
    run = "baseline-vit_phantom-seed0"
    assert guesses[f"maps by gradcam of {run}"] > 10 * guesses[f"maps by control_random of {run}"]
    assert guesses[f"maps by gradcam of {run}"] > 10 * guesses[f"energy_pg on gradcam of {run}"]


def test_the_wall_time_is_the_work_shared_out_but_at_least_the_longest_chain() -> None:
    jobs = (Job("a", ("1",), (), ()), Job("b", ("2", "3"), ("a",), ()), Job("c", ("4",), (), ()))
    plan = Plan("s", {}, (), jobs)
    left = Expected({"1": 10.0, "2": 5.0, "3": 1.0, "4": 20.0}, is_timed=True)
    assert [left.wall(plan, workers) for workers in (1, 2, 3)] == [36.0, 20.0, 20.0]
    assert left._replace(seconds={"3": 1.0}).wall(plan, 2) == 1.0


def test_on_slurm_no_cores_of_this_machine_are_counted(plan: Plan) -> None:
    protocol = read(ROOT / "protocols" / "mae_effect.yaml", {"cluster": "slurm"})
    text = printed(plan, set(), {}, protocol=protocol, workers=None)
    assert " min of work; SLURM decides how many jobs run at a time (a coarse guess" in text
    text = printed(plan, set(), {}, protocol=protocol, workers=8)
    assert " min with 8 jobs at a time, waits in the queue apart (a coarse guess" in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_durations_are_spoken_in_one_unit(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
