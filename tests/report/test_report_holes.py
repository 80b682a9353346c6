"""Page 1 says how many runs of each arm are there, why others are not, and when the failures gather."""

from typing import Any

import pytest

from study.report.holes import quotes


def results(*holes: tuple[str, int, str, str], models: tuple[str, ...] = ("vit",), **settings: Any) -> dict[str, Any]:
    """Two arms of three seeds; `holes` are (arm, seed, state, reason) of runs that are not done, in every model."""
    reasons = {(arm, seed): (state, reason) for arm, seed, state, reason in holes}
    runs = [
        {"arm": arm, "model": model, "seed": seed, "state": state, "reason": reason}
        for arm in ("baseline", "mae")
        for model in models
        for seed in range(3)
        for state, reason in [reasons.get((arm, seed), ("done", ""))]
    ]
    arms = [{"arm": arm, "name": arm.upper(), "runs_planned": dict.fromkeys(models, 3)} for arm in ("baseline", "mae")]
    done = sum(run["state"] == "done" for run in runs)
    counts = {"runs_finished": done, "runs_planned": len(runs), "models": len(models), "arms": 2}
    return {"counts": counts, "arms": arms, "runs": runs, "settings": settings, "tables": [], "datasets": {}}


def test_a_complete_study_has_nothing_to_say() -> None:
    assert list(quotes(results())) == []


def test_every_arm_with_a_hole_is_named_with_its_count_and_reason() -> None:
    found = results(
        ("mae", 1, "failed", "finetune: ValueError: no"), ("baseline", 2, "missing", "3 of 9 stages are not done")
    )
    [text] = quotes(found)
    assert text.en == (
        "4 of 6 planned runs finished. Complete: BASELINE 2 of 3 (seed 2: not run: 3 of 9 stages are not done); "
        "MAE 2 of 3 (seed 1: failed: finetune: ValueError: no) (section 9)."
    )
    assert text.ko.startswith("계획한 실행 6회 중 4회 완료. 완료 현황: BASELINE 3회 중 2회 (시드 2: 실행하지 않음: ")


def test_one_reason_is_told_once_and_others_are_counted() -> None:
    holes = [("mae", 0, "failed", "x" * 100), ("mae", 2, "failed", "x" * 100), ("mae", 1, "missing", "y")]
    first, second = quotes(results(*holes))
    assert f"MAE 0 of 3 (seed 0, 2: failed: {'x' * 90} …; for other reasons: 1) (section 9)." in first.en
    assert second.en.startswith("All runs that failed (2) are of MAE:")


@pytest.mark.parametrize("other", [("baseline", 0, "blocked", "b"), None])
def test_failures_of_both_arms_or_a_single_one_do_not_gather(other: tuple[str, int, str, str] | None) -> None:
    holes = [("mae", 0, "failed", "a"), *([other] if other else [])]
    assert len(list(quotes(results(*holes)))) == 1


def test_models_are_named_where_there_are_several_and_many_cells_are_cut() -> None:
    holes = [(arm, 0, "missing", "") for arm in ("baseline", "mae")]
    [text] = quotes(results(*holes, models=("a", "b", "c")))
    assert "BASELINE (a) 2 of 3 (seed 0: not run); BASELINE (b) 2 of 3" in text.en
    assert text.en.endswith("MAE (a) 2 of 3 (seed 0: not run); more arms: 2 (section 9).")
