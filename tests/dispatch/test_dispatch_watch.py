"""A watch ends by itself, tells changes where it cannot redraw, and redraws where it can."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_study import calls, do, toy_plan

from study.dispatch import Said, follow, survey, watch
from study.dispatch.survey import Manifests, Survey
from study.errors import StudyError
from study.store import Lease, Store

SAID = Said("toy")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def scripted(
    folder: Path, *steps: Callable[[], object]
) -> tuple[Callable[[Manifests], Survey], Callable[[float], None]]:
    """A look at the study in `folder`, and a sleep that does the next step instead."""
    plan, left = toy_plan(), list(steps)
    store = Store(folder / "runs")

    def sleep(_: float) -> None:
        if left:
            left.pop(0)()

    return lambda finished: survey(plan, store, finished=finished), sleep


def holding(folder: Path, label: str) -> list[Lease]:
    """A lease on a stage, as a worker would have it."""
    stage = next(stage for stage in toy_plan().stages.values() if stage.label == label)
    lease = Store(folder / "runs").lease(stage, study="toy")
    assert lease is not None
    return [lease]


def test_without_a_terminal_each_change_is_a_line_and_the_status_stands_at_the_end(tmp_path: Path) -> None:
    held = holding(tmp_path, "data shoulder")
    look, sleep = scripted(tmp_path, lambda: None, held.pop().release, lambda: do(toy_plan(), tmp_path))
    stream = io.StringIO()
    found = watch(look, SAID, every_s=1.0, stream=stream, sleep=sleep)
    assert found.complete
    lines = [line[10:] for line in stream.getvalue().splitlines()]
    assert lines[0] == "toy: 0 of 4 runs done, 4 missing"
    names = [f"{arm}-vit-seed{seed}" for arm in ("baseline", "mae") for seed in (0, 1)]
    assert lines[1:9] == [f"{name}  ·" for name in names] + [f"{name}  ✓" for name in names]
    assert stream.getvalue().endswith("  next       study report toy  (everything is done)\n")


def test_it_ends_when_nobody_works_any_more_but_not_between_two_jobs(tmp_path: Path) -> None:
    looks: list[int] = []
    held: list[Lease] = []
    steps = (lambda: held.extend(holding(tmp_path, "data shoulder")), lambda: held.pop().release())
    look, sleep = scripted(tmp_path, *steps)

    def counted(finished: Manifests) -> Survey:
        looks.append(1)
        return look(finished)

    found = watch(counted, SAID, every_s=1.0, stream=io.StringIO(), sleep=sleep)
    assert (found.complete, found.idle, len(looks)) == (False, True, 4)  # idle, held, idle, idle


def test_json_is_one_object_per_change(tmp_path: Path) -> None:
    held = holding(tmp_path, "data shoulder")
    look, sleep = scripted(tmp_path, lambda: None, lambda: None, held.pop().release, lambda: do(toy_plan(), tmp_path))
    stream = io.StringIO()
    watch(look, SAID, every_s=1.0, as_json=True, stream=stream, sleep=sleep)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["stages"] for row in rows] == [
        {"planned": 19, "running": 1, "missing": 18},
        {"planned": 19, "missing": 19},
        {"planned": 19, "reused": 19},
    ]


@pytest.mark.parametrize(("kind", "redraws"), [("xterm", True), ("dumb", False)])
def test_a_terminal_is_redrawn_and_a_dumb_one_gets_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, redraws: bool
) -> None:
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setenv("COLUMNS", "100")
    look, sleep = scripted(tmp_path, lambda: do(toy_plan(), tmp_path))
    stream = Terminal()
    watch(look, SAID, every_s=1.0, stream=stream, sleep=sleep)
    text = stream.getvalue()
    assert ("\x1b[" in text) is redraws
    assert "baseline" in text
    assert "4 of 4 runs done" in text
    assert ("looked at" in text) is redraws


def test_following_prints_new_whole_lines_and_ends_with_the_work(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,), trouble={"data shoulder": {"do": "raise", "once": True}})
    store = Store(tmp_path / "runs")
    do(plan, tmp_path)
    log = store.attempts(next(iter(plan.stages)))[-1].log

    def printed(text: str) -> None:
        with log.open("a", encoding="utf8") as file:
            file.write(text)

    steps: list[Callable[[], object]] = [
        lambda: printed("half a "),
        lambda: printed("line 어깨\n"),
        lambda: do(plan, tmp_path),
    ]

    def then(_: float) -> None:
        if steps:
            steps.pop(0)()

    lines = list(follow(plan, store, "baseline/0", sleep=then))
    assert lines[0] == "half a line 어깨\n"
    names = [f"{kind} baseline-vit-seed0" for kind in ("finetune", "predict", "explain", "measure ehr")]
    assert [line[20:] for line in lines[1:]] == [f"working on {name}\n" for name in ("data shoulder", *names)]
    assert calls(tmp_path).count("data") == 2
    with pytest.raises(StudyError, match="has no stage 'x'"):
        next(follow(plan, store, "baseline/0", stage="x"))
