"""The status on terminals of any size, with names of any script, and on a cluster."""

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from toy_study import do, toy_plan

from study.dispatch import About, Said, as_data, as_text, survey
from study.dispatch.columns import aligned, fitted, wrapped
from study.dispatch.display import Snapshot, StageInWork, folded, render
from study.dispatch.estimate import Left
from study.dispatch.squeue import Entry
from study.dispatch.survey import Survey
from study.records import Contrast, Plan
from study.store import Store
from study.store.files import write_json

SAID = Said("toy")
ARMS = (
    "baseline",
    *(f"흉부_마스크_사전학습_{letter}" for letter in "가나다라"),
    "imagenet_mae_chest_proxy",
    "b",
    "c",
    "d",
)


def crossed() -> Plan:
    """9 arms x 5 seeds x 2 models; the second model's runs have the stages of the first's."""
    plan = toy_plan(arms=ARMS, seeds=(0, 1, 2, 3, 4))
    again = tuple(replace(run, model="densenet121", run_id=f"{run.run_id}-2") for run in plan.runs)
    return replace(plan, runs=(*plan.runs, *again))


@pytest.fixture
def busy(tmp_path: Path) -> Survey:
    """The fine-tuning of seed 2 of three arms is in work, one of them silent for ten minutes."""
    plan, store = crossed(), Store(tmp_path / "runs")
    leases = []
    for arm, age in (("baseline", 1.0), (ARMS[1], 600.0), ("d", 1.0)):
        stage = next(stage for stage in plan.stages.values() if stage.label == f"finetune {arm}-vit-seed2")
        leases.append(lease := store.lease(stage, study="toy"))
        assert lease is not None
        write_json(
            store.attempt(stage, lease).path / "progress.json", {"step": 43, "of": 100, "time": time.time() - age}
        )
    pairs = [Contrast(arm, "Q", "primary", arm, "baseline", "vit", "cam", "ehr") for arm in ARMS[1:]]
    return survey(plan, store, About(contrasts=pairs + [replace(each, model="densenet121") for each in pairs]))


def test_columns_are_aligned_by_the_width_of_letters_on_a_terminal() -> None:
    assert aligned([["", "seed 0", "1"], ["교차", "✓", "finetune 4 %"], ["abc", "✗", "·"]]) == [
        "        seed 0  1",
        "  교차  ✓       finetune 4 %",
        "  abc   ✗       ·",
    ]
    assert [fitted(text, 5) for text in ("ab", "abcde", "abcdef", "가나다")] == ["ab   ", "abcde", "abcd…", "가나…"]
    assert aligned([["흉부_마스크_사전학습", "✓" * 30]], width=46) == ["  흉부_마스크…  " + "✓" * 30]
    assert wrapped(["aa", "bb", "cc"], 7) == ["aa · bb", "cc"]
    assert wrapped(["aa", "bb", "cc"], None) == ["aa · bb · cc"]
    assert wrapped(["a long one", "b"], 4) == ["a long one", "b"]


@pytest.mark.parametrize("width", [60, 80, 132])
def test_nine_arms_of_two_models_with_hangul_names_stay_in_their_columns(busy: Survey, width: int) -> None:
    lines = as_text(busy, SAID, width=width).splitlines()
    table = lines[1:22]
    assert (table[1], table[11]) == ("  vit", "  densenet121")
    assert max(map(cell_len, table)) <= width
    rows = [line for line in table if "·" in line]
    assert len(rows) == 18
    places = {tuple(cell_len(line[:place]) for place, letter in enumerate(line) if letter == "·") for line in rows}
    assert {len(each) for each in places} == {4, 5}  # seed 2 of three arms is in work
    assert len({column for each in places for column in each}) == 5, "every mark stands below its seed"
    assert any("43 %" in line for line in rows)
    assert "  contrasts  16 with 0 of 5 pairs" in lines
    assert [line for line in lines if "silent" in line] == [
        f"  silent     finetune {ARMS[1]}-vit-seed2: no step for 10 min 0 s"
    ]


def test_a_low_terminal_shows_the_arms_where_something_happens_and_all_facts(busy: Survey) -> None:
    lines = as_text(busy, SAID, width=80, height=17).splitlines()
    assert len(lines) <= 17
    assert sum("43 %" in line for line in lines) == 6
    assert "  … and 12 arms more" in lines
    assert lines[-1] == "             study cancel toy"
    assert len(as_text(busy, SAID, width=80).splitlines()) == 22 + 6


def test_rows_where_nothing_happens_are_folded_first() -> None:
    rows = [["", "seed 0", "1"], ["a", "✓", "✓"], ["b", "✓", "✗"], ["c", "·", "·"], ["d", "✓", "·"], ["e", "·", "·"]]
    assert folded(rows, None) == folded(rows, 6) == (rows, "")
    assert folded(rows, 5) == ([rows[0], rows[1], rows[2], rows[4]], "  … and 2 arms more")
    assert folded(rows, 1)[0] == [rows[0], rows[1], rows[2], rows[4]], "three rows stay in any case"


def test_the_live_table_keeps_its_summary_on_a_low_terminal() -> None:
    plan = crossed()
    keys = [key for key, stage in plan.stages.items() if stage.kind == "finetune"]
    work = tuple(StageInWork(plan.stages[key], (), {}, 1.0) for key in keys[:20])
    snapshot = Snapshot(plan, frozenset(), {}, work, 3, 1.0, 60.0)
    console = Console(file=io.StringIO(), width=80)
    console.print(render(snapshot, 23))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) <= 23
    assert "  … and 12 more" in lines
    assert lines[-1].startswith("0 of ")


def test_on_slurm_the_time_counts_the_jobs_that_run_and_promises_nothing_where_none_does(tmp_path: Path) -> None:
    plan, store = toy_plan(), Store(tmp_path / "runs")
    found = survey(plan, store, About(workers=None, queues=True, guess=lambda keys: 7200.0))
    assert (found.workers, found.remaining, as_data(found, SAID)["work_s"]) == (None, None, 7200.0)
    assert "  left       about 2 h 0 min of work; SLURM decides how many jobs run (a coarse guess)\n" in as_text(
        found, SAID
    )
    timed = replace(found, left=Left(7200.0, 600.0), is_guess=False)
    assert "about 2 h 0 min of work, 10 min 0 s if all jobs ran at once; SLURM decides" in as_text(timed, SAID)

    keys = list(plan.stages)
    pending = {key: Entry(f"12_{place}", "PENDING", "Priority") for place, key in enumerate(keys[2:])}
    running = {key: Entry("11", "RUNNING", nodes="n1") for key in keys[:2]}
    held = {"x": Entry("9", "PENDING", "JobHeldUser")}
    queued = replace(timed, queue=pending)
    assert queued.remaining is None
    text = as_text(replace(timed, queue={**running, **pending, **held}), SAID)
    assert "  left       about 2 h 0 min with 1 job at a time, waits in the queue apart (from the times" in text
    assert (
        "  queue      running as SLURM job 11 (n1) · 17 pending as SLURM jobs 12_0, 12_1, … 12_16 (Priority) · "
        "pending as SLURM job 9 (JobHeldUser"
    ) in text
    limited = replace(timed, about=About(workers=4, queues=True))
    assert (limited.remaining, replace(limited, left=Left(600.0, 300.0)).remaining) == (1800.0, 300.0)
    assert "about 30 min 0 s with 4 jobs at a time, waits in the queue apart" in as_text(limited, SAID)


def test_short_work_is_told_in_minutes_or_seconds(tmp_path: Path) -> None:
    do(toy_plan(arms=("baseline",), seeds=(0,)), tmp_path)
    found = survey(toy_plan(arms=("baseline",), seeds=(0,)), Store(tmp_path / "runs"))
    hours = [
        (11.2 / 3600, "11 CPU seconds"),
        (0.5, "30 CPU minutes"),
        (3.25, "3.25 CPU hours"),
        (1e-9, "1 CPU seconds"),
    ]
    for value, words in hours:
        assert f"  compute    {words} reused\n" in as_text(
            replace(found, reused=replace(found.reused, cpu=value)), SAID
        )
