"""Real time limits of a minute: apart, so that another process can wait for them."""

from pathlib import Path

import pytest
from studies import ONE, asking, log_of, on_slurm, undisturbed
from toy_study import sums, toy_plan

from study.dispatch.submissions import submissions
from study.store import Store

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.usefixtures("quick")]


def test_a_stage_longer_than_the_time_limit_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"steps": 240, "sleep": 0.25}})
    outcome = on_slurm(plan, tmp_path, requests=asking(timeout_min=1))
    assert outcome.exit_code == 0, outcome.runs
    first = next(iter(plan.stages))
    endings = [attempt.ending() for attempt in Store(tmp_path / "runs").attempts(first)]
    assert [ending.state for ending in endings if ending] == ["stopped"] * (len(endings) - 1) + ["done"]
    assert len(endings) > 1
    assert "goes on from step" in log_of(tmp_path, first)
    assert len(submissions(Store(tmp_path / "runs"), "toy")) == 2  # the same job, requeued
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_stage_that_does_not_listen_is_ended_before_the_limit_and_fails_the_second_time(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"steps": 1, "sleep": 200.0}})
    outcome = on_slurm(plan, tmp_path, requests=asking(timeout_min=1))
    assert outcome.exit_code == 4
    assert "two time limits of 1 min in a row without progress; raise dispatch.slurm.timeout_min" in (
        outcome.runs[0].reason
    )
