"""Runs that a comparison does not have, in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from study.records import Design, RunStatus

_STATES_KO = {"failed": "실패", "blocked": "선행 단계 실패", "missing": "실행 안 됨", "done": "완료"}


def planned(design: Design, model: str, arm: str) -> tuple[RunStatus, ...]:
    """Every run that the protocol wants of this arm."""
    return tuple(run for run in design.runs if run.arm == arm and run.model == model)


def is_lost(run: RunStatus) -> bool:
    """Whether the run has no scores to count: not finished, or diverged."""
    return run.state != "done" or run.diverged


def without_value(runs: Sequence[RunStatus], used: Collection[str]) -> list[RunStatus]:
    """Runs that were lost, and those without a value of the metric."""
    return [run for run in runs if is_lost(run) or run.run_id not in used]


def reason(run: RunStatus) -> str:
    """Why the run is missing."""
    if run.diverged:
        return "diverged"
    if run.state == "done":
        return "has no value of this metric"
    return f"{run.state}: {run.reason}" if run.reason else run.state


def reason_ko(run: RunStatus) -> str:
    """Why the run is missing, in Korean."""
    if run.diverged:
        return "발산"
    if run.state == "done":
        return "이 지표의 값 없음"
    return f"{_STATES_KO[run.state]} ({run.reason})" if run.reason else _STATES_KO[run.state]
