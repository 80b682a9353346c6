"""Scores across models: who judges whom, and that no job waits for itself."""

from pathlib import Path

import pytest

from study.plan import expand
from study.protocol import read
from study.records import Plan, Run

ROOT = Path(__file__).resolve().parents[2]
DIGESTS = {"chest": "sha256:chest", "shoulder": "sha256:shoulder"}


def plan_of(folder: Path, measure: str) -> Plan:
    text = (ROOT / "protocols" / "smoke.yaml").read_text(encoding="utf8")
    lines = ["measure: " + measure if line.startswith("measure:") else line for line in text.splitlines()]
    lines = ["  primary: {attribution: gradcam, metric: energy_pg}" if "primary:" in line else line for line in lines]
    path = folder / "crossing.yaml"
    path.write_text("\n".join(line for line in lines if "margins:" not in line), encoding="utf8")
    return expand(read(path), DIGESTS)


@pytest.mark.parametrize(("asked", "own"), [("others", False), ("all", True)])
def test_every_run_is_judged_by_the_models_of_its_own_seed(tmp_path: Path, asked: str, own: bool) -> None:
    plan = plan_of(tmp_path, f"[energy_pg, cross_gap: {{evaluators: {asked}}}]")
    by_classifier = {run.training[-1]: run for run in plan.runs}
    for run in plan.runs:
        for (attribution, _, arm), key in run.cross.items():
            stage = plan.stages[key]
            judge = by_classifier[stage.parents["classifier"]]
            assert (judge.arm, judge.model, judge.seed) == (arm, run.model, run.seed)
            assert stage.parents["explain"] == run.explain[attribution]
        judges = {arm for _, _, arm in run.cross}
        assert judges == {r.arm for r in plan.runs} - (set() if own else {run.arm})


def test_named_judges_are_the_same_for_every_arm(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "[energy_pg, cross_gap: {evaluators: baseline}]")
    assert {arm for run in plan.runs for _, _, arm in run.cross} == {"baseline"}


def test_the_score_reads_all_judges_and_the_run_is_done_without_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "[energy_pg, cross_gap: {evaluators: all}]")
    for run in plan.runs:
        for attribution in run.explain:
            key = run.measure[attribution, "cross_gap[evaluators=all]"]
            judged = [parent for role, parent in plan.stages[key].parents.items() if role.startswith("cross")]
            assert judged == [k for (other, _, _), k in run.cross.items() if other == attribution]
            assert key in run.crossing
            assert key not in run.stages


def test_jobs_across_models_come_after_all_that_they_read_and_nothing_is_done_twice(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "[energy_pg, insertion, cross_gap: {evaluators: all}, cross_insertion: {evaluators: all}]")
    owner: dict[str, str] = {}
    for job in plan.jobs:
        for key in job.stages:
            assert key not in owner
            owner[key] = job.job_id
    assert set(owner) == set(plan.stages)
    ended: set[str] = set()
    waiting = list(plan.jobs)
    while waiting:
        free = [job for job in waiting if set(job.after) <= ended]
        assert free, f"these wait for each other: {[job.job_id for job in waiting]}"
        ended |= {job.job_id for job in free}
        waiting = [job for job in waiting if job not in free]


def test_curves_of_an_arm_on_its_own_model_are_those_of_its_evaluation(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "[energy_pg, insertion, cross_insertion: {evaluators: all}]")
    run: Run = plan.runs[0]
    label = "cross_insertion[evaluators=all]"
    assert all(run.cross[attribution, label, run.arm] == key for attribution, key in run.perturb.items())
