"""What `study plan` prints."""

import os
from pathlib import Path

import pytest
from rich.console import Console

from study.plan import expand, render_plan
from study.plan.cost import guess_s, remaining_s
from study.plan.tree import spoken
from study.protocol import read
from study.records import Plan, Stage

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = read(ROOT / "protocols" / "mae_effect.yaml", {"workers": 2})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return expand(PROTOCOL, {"chest": "sha256:c", "shoulder": "sha256:s"})


def printed(plan: Plan, done: set[str], seconds: dict[str, float]) -> str:
    console = Console(width=160, record=True, file=open(os.devnull, "w", encoding="utf8"))  # noqa: SIM115
    console.print(render_plan(plan, PROTOCOL, done.__contains__, lambda stage: seconds.get(stage.key)))
    console.file.close()
    return console.export_text()


def test_a_fresh_plan_says_what_is_shared_and_that_its_time_is_a_guess(plan: Plan) -> None:
    text = printed(plan, set(), {})
    assert "baseline  (reference)" in text
    assert "mae  chest  random  0.75  30 epochs  lr 0.002 (blr 0.008)   3 to do   shared with mae_center, proxy" in text
    assert "mae  shoulder  center  12 epochs  lr 0.0005 (blr 0.002)   3 to do\n" in text
    assert "4 arms x 1 model x 3 seeds = 12 runs, 0 of them done" in text
    assert f"{len(plan.stages)} stages: 0 done, {len(plan.stages)} to do" in text
    assert "with 2 workers (a coarse guess; it gets better once stages are timed)" in text


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
    left = remaining_s(plan, finetunes[3:5], lambda stage: seconds.get(stage.key))
    assert left == (40.0, True)


def test_other_stages_of_a_timed_kind_take_the_guess_corrected(plan: Plan) -> None:
    chest, shoulder = (
        next(s for s in plan.stages.values() if s.kind == "mae" and s.recipe["settings"]["masking"] == masking)
        for masking in ("random", "center")
    )
    twice = {chest.key: 2 * guess_s(chest, plan.stages)}
    left, is_timed = remaining_s(plan, [shoulder.key], lambda stage: twice.get(stage.key))
    assert left == pytest.approx(2 * guess_s(shoulder, plan.stages))
    assert not is_timed


def test_guesses_are_of_the_right_size(plan: Plan) -> None:
    """The embedded study took 674 to 720 CPU seconds (pretraining.md, section 13), evaluation apart."""

    def none(stage: Stage) -> None:
        return None

    trainings = [s.key for s in plan.stages.values() if "epochs" in s.recipe.get("settings", {})]
    work, _ = remaining_s(plan, trainings, none)
    assert 350 < work < 1400


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_durations_are_spoken_in_one_unit(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
