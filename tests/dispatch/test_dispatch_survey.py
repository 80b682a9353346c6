"""Every stage is in exactly one state, and what is said of a study adds up."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from toy_study import do, toy_plan

from study.dispatch import About, Said, as_data, as_text, forgive, survey
from study.dispatch.session import Session, cancel
from study.dispatch.survey import STATES, Hours, Pairs
from study.records import Contrast, Plan
from study.store import Ending, Store
from study.store.attempts import Attempt
from study.store.files import write_json

LONG_AGO, TOMORROW = (datetime.now().astimezone() + timedelta(days=days) for days in (-9, 1))
RANDOM, CENTER = (Contrast(arm, "Q", "primary", arm, "baseline", "vit", "cam", "ehr") for arm in ("random", "center"))


def key_of(plan: Plan, label: str) -> str:
    return next(key for key, stage in plan.stages.items() if stage.label == label)


def store_of(folder: Path) -> Store:
    return Store(folder / "runs")


@contextmanager
def elsewhere(session: Session) -> Iterator[None]:
    """Let a process that only waits be the session's conductor."""
    program = "import json; from study.store import Holder; print(json.dumps(Holder.here().as_json())); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        (session.folder / "conductor.json").write_text(process.stdout.readline())
        try:
            yield
        finally:
            process.kill()


def test_the_states_partition_the_plan_and_all_of_them_occur(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline", "random"), seeds=(0, 1, 2), trouble={"mae seed1": {"do": "raise"}})
    store = store_of(tmp_path)
    do(plan, tmp_path)
    old = store.object_folder(key_of(plan, "data shoulder")) / "manifest.json"
    write_json(old, {**json.loads(old.read_text()), "finished": "2001-01-01T00:00:00+0000"})
    gone = [key_of(plan, f"{kind} baseline-vit-seed{seed}") for kind, seed in (("predict", 0), ("explain", 1))]
    for key in gone + [key_of(plan, f"{kind} random-vit-seed{n}") for kind in ("explain", "predict") for n in (0, 2)]:
        store.set_aside(store.object_folder(key))
    (store.object_folder(key_of(plan, "measure ehr baseline-vit-seed2")) / "manifest.json").unlink()
    leases = [store.lease(plan.stages[key], study=study) for key, study in zip(gone, ("toy", "other"), strict=True)]
    # what is left over of the stopped one: an attempt without an end, and nobody who holds it
    Attempt(store.workshop(key_of(plan, "predict random-vit-seed0")) / "attempts" / "0002-abcdef").open()
    for key, stage in plan.stages.items():
        if stage.label in ("measure ehr random-vit-seed0", "measure ehr random-vit-seed2"):
            store.set_aside(store.object_folder(key))

    idle = survey(plan, store, About(locked_at=LONG_AGO))
    assert sum(idle.counts.values()) == len(plan.stages) == len(idle.states) == 1 + 3 + 6 * 4
    assert idle.counts == {
        "done": 13,
        "reused": 1,  # the data
        "running": 1,
        "shared": 1,
        "interrupted": 1,
        "missing": 5,
        "damaged": 1,
        "failed": 1,  # mae seed1
        "blocked": 4,  # finetune, predict, explain and measure of random 1
    }
    with elsewhere(Session.begin(store, "toy")):
        busy = survey(plan, store, About(locked_at=LONG_AGO))
    assert sum(busy.counts.values()) == len(plan.stages)
    assert {state for state in STATES if state not in busy.counts} == {"missing"}
    # both maps and the predictions of random 2 are gone; its measure waits for the maps, that of random 0 as well
    assert (busy.counts["queued"], busy.counts["waiting"]) == (3, 2)
    assert busy.reasons[gone[1]].startswith("other works on it (process ")
    assert (busy.living, busy.idle, idle.idle) == (1, False, False)  # leases alone are somebody at work, too
    assert all(leases)


def test_a_conductor_on_another_machine_lives_as_long_as_it_tells_so(tmp_path: Path) -> None:
    plan, store = toy_plan(), store_of(tmp_path)
    session = Session.begin(store, "toy")
    record = session.folder / "conductor.json"
    assert not survey(plan, store).living, "that is this process"
    record.write_text(json.dumps({**json.loads(record.read_text()), "host": "n7", "boot_id": "another"}))
    assert survey(plan, store).living == 1
    os.utime(record, (time.time() - 89, time.time() - 89))
    assert (survey(plan, store).living, cancel(store, "toy")) == (1, 1)
    os.utime(record, (time.time() - 91, time.time() - 91))
    found = survey(plan, store)
    assert (found.living, found.idle, found.counts) == (0, True, {"missing": 19})
    (session.folder / "stop").unlink()
    assert (cancel(store, "toy"), session.asked_to_stop()) == (0, True), "it may be asleep"
    with session.beating(0.02):
        until = time.monotonic() + 10
        while time.time() - record.stat().st_mtime > 60 and time.monotonic() < until:
            time.sleep(0.01)
    assert survey(plan, store).living == 1


def test_an_empty_store_has_only_missing_stages_and_no_time_is_promised(tmp_path: Path) -> None:
    plan = toy_plan()
    found = survey(plan, store_of(tmp_path))
    assert found.counts == {"missing": 19}
    assert (found.remaining, found.is_guess, found.idle, found.complete) == (None, False, True, False)
    guessed = survey(plan, store_of(tmp_path), About(workers=2, guess=lambda keys: 10.0 * len(keys)))
    assert (guessed.remaining, guessed.is_guess) == (95.0, True)
    assert "left       about 1 min 35 s with 2 workers (a coarse guess)\n" in as_text(guessed, Said("toy"))


def test_stopped_is_interrupted_and_a_forgiven_failure_is_missing(tmp_path: Path) -> None:
    plan, store = toy_plan(arms=("baseline",), seeds=(0,)), store_of(tmp_path)
    key = key_of(plan, "data shoulder")
    attempt = Attempt(store.workshop(key) / "attempts" / "0001-abcdef").open()
    attempt.close(Ending("stopped"))
    assert survey(plan, store).states[key] == "interrupted"
    Attempt(store.workshop(key) / "attempts" / "0002-abcdef").open().close(Ending("failed", "ValueError: no"))
    found = survey(plan, store)
    assert (found.states[key], found.reasons[key]) == ("failed", "ValueError: no")
    assert Counter(found.states.values()) == {"failed": 1, "blocked": 4}
    assert forgive(plan, store) == ["data shoulder: 2 attempts forgiven (ValueError: no)"]
    assert survey(plan, store).counts == {"missing": 5}
    assert survey(plan, store).runs[0].state == "missing"
    assert forgive(plan, store) == []


def test_hours_come_from_the_manifests_by_device_and_apart_from_what_was_there_before(tmp_path: Path) -> None:
    plan, store = toy_plan(arms=("baseline",), seeds=(0,)), store_of(tmp_path)
    do(plan, tmp_path)
    facts = [
        {"seconds": 1800.0, "on_gpu": False, "finished": "2001-01-01T00:00:00+0000"},
        {"seconds": 7200.0, "on_gpu": True, "device": "AMD Instinct MI250X"},
        {"seconds": 900.0, "on_gpu": False},
        {"seconds": 3600.0, "device": "NVIDIA H200"},  # as manifests were before `on_gpu`
        {"seconds": 900.0, "device": "AMD EPYC 7B13"},
    ]
    for key, each in zip(plan.stages, facts, strict=True):
        path = store.object_folder(key) / "manifest.json"
        manifest = json.loads(path.read_text())
        write_json(path, {name: value for name, value in manifest.items() if name != "on_gpu"} | each)
    found = survey(plan, store, About(locked_at=LONG_AGO))
    assert (found.used, found.reused) == (Hours(gpu=3.0, cpu=0.5), Hours(gpu=0.0, cpu=0.5))
    assert "  compute    3 GPU hours and 30 CPU minutes used; 30 CPU minutes reused\n" in as_text(found, Said("toy"))
    before = survey(plan, store, About(locked_at=TOMORROW))
    assert before.counts == {"reused": 5}
    assert survey(plan, store).counts == {"reused": 5}, "a study that was never locked has made nothing"


def test_pairs_count_the_seeds_that_are_done_on_both_sides(tmp_path: Path) -> None:
    trouble = {f"finetune {name}": {"do": "raise"} for name in ("random-vit-seed1", "center-vit-seed2")}
    plan = toy_plan(("baseline", "random", "center"), (0, 1, 2), trouble=trouble)
    do(plan, tmp_path)
    key = key_of(plan, "predict baseline-vit-seed0")
    store_of(tmp_path).set_aside(store_of(tmp_path).object_folder(key))
    other = replace(CENTER, control="random")
    about = About(contrasts=(RANDOM, replace(RANDOM, metric="adcc"), other))
    found = survey(plan, store_of(tmp_path), about)
    assert found.pairs == (
        Pairs("random", "baseline", "vit", 1, 2, 2, 3),  # random has 0 and 2, baseline 1 and 2
        Pairs("center", "random", "vit", 1, 2, 2, 3),  # center has 0 and 1, random 0 and 2
    )
    text = as_text(found, Said("toy"))
    assert "  contrasts  random vs baseline: 1 of 3 pairs · center vs random: 1 of 3 pairs\n" in text
    nested = survey(plan, store_of(tmp_path), replace(about, paired=False))
    assert "random vs baseline: 2 and 2 of 3 runs" in as_text(nested, Said("toy"))


def test_what_to_do_next_is_a_whole_command_for_a_shell(tmp_path: Path) -> None:
    plan, store = toy_plan(arms=("baseline",), seeds=(0, 1), trouble={}), store_of(tmp_path)
    said = Said("내 protocols/it's one.yaml", ("--runs", "my runs"))
    quoted = """'내 protocols/it'"'"'s one.yaml' --runs 'my runs'"""
    assert f"  next       study run {quoted}  (does the 2 missing)\n" in as_text(survey(plan, store), said)
    do(plan, tmp_path)
    assert as_text(survey(plan, store), said).endswith(f"  next       study report {quoted}  (everything is done)\n")
    assert said.of_run("logs", "a/0").startswith("study logs a/0 --protocol '내")


def test_one_reason_is_told_once_for_all_its_runs_and_many_are_cut(tmp_path: Path) -> None:
    seeds = tuple(range(14))
    trouble = {f"finetune baseline-vit-seed{seed}": {"do": "raise"} for seed in seeds}
    plan = toy_plan(("baseline",), seeds, trouble=trouble)
    do(plan, tmp_path)
    text = as_text(survey(plan, store_of(tmp_path)), Said("toy"))
    assert text.count("ValueError") == 12
    assert "  … and 2 reasons more: study status toy --json\n" in text
    shared = toy_plan(("a", "b"), (0,), trouble={"data shoulder": {"do": "raise"}})
    do(shared, tmp_path / "two")
    text = as_text(survey(shared, store_of(tmp_path / "two")), Said("toy"))
    assert "  ⊘ a-vit-seed0 and 1 more: blocked by " in text


def test_json_holds_the_same_and_names_every_unfinished_stage(tmp_path: Path) -> None:
    plan = toy_plan(trouble={"finetune mae-vit-seed1": {"do": "raise"}})
    do(plan, tmp_path)
    data = json.loads(json.dumps(as_data(survey(plan, store_of(tmp_path), About(locked_at=LONG_AGO)), Said("toy"))))
    assert data["stages"] == {"planned": 19, "done": 15, "failed": 1, "blocked": 3}
    assert [(row["kind"], row["state"]) for row in data["unfinished"]] == [
        ("finetune", "failed"),
        ("predict", "blocked"),
        ("explain", "blocked"),
        ("measure", "blocked"),
    ]
    assert data["unfinished"][0]["reason"] == "ValueError: the loss is a teapot"
    assert [run["state"] for run in data["runs"]] == ["done", "done", "done", "failed"]
    assert (data["complete"], data["remaining_s"]) == (False, 0.0)


def test_a_survey_goes_on_from_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = toy_plan(), store_of(tmp_path)
    do(plan, tmp_path)
    first = survey(plan, store, About(locked_at=LONG_AGO))
    looked: list[str] = []
    monkeypatch.setattr(Store, "intact", lambda self, key: looked.append(key))
    again = survey(plan, store, About(locked_at=LONG_AGO), finished=first.finished)
    assert (looked, again.counts) == ([], {"done": 19})
