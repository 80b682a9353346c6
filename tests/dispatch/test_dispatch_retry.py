"""Failures are forgotten when asked, and runs are made again without touching what others use."""

from pathlib import Path

import pytest
from toy_study import calls, do, toy_plan

from study.dispatch import forgive, logs, make_again
from study.errors import StudyError
from study.store import Store

TROUBLE = {f"finetune mae-vit-seed{seed}": {"do": "raise", "once": True} for seed in (0, 1)}


def test_only_the_named_runs_are_forgiven_and_the_next_call_does_them(tmp_path: Path) -> None:
    plan, store = toy_plan(trouble=TROUBLE), Store(tmp_path / "runs")
    do(plan, tmp_path)
    assert forgive(plan, store, ["mae/1"]) == [
        "finetune mae-vit-seed1: 1 attempt forgiven (ValueError: the loss is a teapot)"
    ]
    assert forgive(plan, store, ["mae/1", "baseline/0"]) == []
    assert len(forgive(plan, store)) == 1, "seed 0 is left"
    assert do(plan, tmp_path).exit_code == 0
    with pytest.raises(StudyError, match="'mae/7' is no run of toy"):
        forgive(plan, store, ["mae/7"])


def test_what_fails_too_often_is_left_alone_until_it_is_forgiven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.dispatch.states.MAX_ATTEMPTS", 2)
    plan, store = toy_plan(trouble={"finetune mae-vit-seed1": {"do": "raise"}}), Store(tmp_path / "runs")
    assert [do(plan, tmp_path).failed for _ in range(3)] == [1, 1, 1]
    assert calls(tmp_path).count("finetune") == 3 + 2, "the third call has not tried it"
    reason = do(plan, tmp_path).runs[3].reason
    assert reason == (
        "finetune mae-vit-seed1: ValueError: the loss is a teapot; it has failed 2 times, `study retry` allows further tries"
    )
    forgive(plan, store)
    assert do(plan, tmp_path).failed == 1
    assert calls(tmp_path).count("finetune") == 3 + 3


def test_a_run_is_made_again_and_what_others_use_stays(tmp_path: Path) -> None:
    plan, store = toy_plan(arms=("baseline", "random", "center")), Store(tmp_path / "runs")
    do(plan, tmp_path)
    before = len(calls(tmp_path))
    assert make_again(plan, store, ["random/1"]) == 8  # four objects and the attempts at them
    assert len(list((store.root / "quarantine").iterdir())) == 8
    assert do(plan, tmp_path).done == 4
    assert calls(tmp_path)[before:] == ["finetune", "predict", "explain", "measure"]


def test_logs_of_one_stage_and_of_one_attempt(tmp_path: Path) -> None:
    plan, store = toy_plan(trouble=TROUBLE), Store(tmp_path / "runs")
    do(plan, tmp_path)
    do(plan, tmp_path)
    text = logs(plan, store, "mae/1", stage="finetune")
    assert [line.split(" · ")[0] for line in text.splitlines() if line.startswith("──")] == [
        "── finetune mae-vit-seed1"
    ]
    assert "attempt 2 · done" in text
    first = logs(plan, store, "mae/1", attempt=1, stage="finetune")
    assert "attempt 1 · failed: ValueError: the loss is a teapot" in first
    key = next(key for key, stage in plan.stages.items() if stage.label == "mae seed1")
    assert "mae seed1" in logs(plan, store, "mae/1", stage=key[:6])
    with pytest.raises(StudyError, match=r"--stage: mae-vit-seed1 has no stage 'cam'; .*\nknown: data, mae, finetune"):
        logs(plan, store, "mae/1", stage="cam")
    with pytest.raises(StudyError, match="--attempt: mae-vit-seed1 has no attempt 9 there"):
        logs(plan, store, "mae/1", attempt=9)
