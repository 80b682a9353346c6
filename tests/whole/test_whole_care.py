"""A real study with a store on another disk and names no shell likes, and every command around it."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from workplace import Workplace

pytestmark = pytest.mark.slow

NAME = """내 'study' "a" $HOME.yaml"""
PROTOCOL = """\
study: tiny
question: Does it work?
data:
  films: {format: phantom, anatomy: shoulder, train: 16, val: 8, test: 8, effect: 3.0}
target: films
image_size: 32
models: [vit_phantom]
arms:
  baseline: [finetune: {epochs: 1}]
  long: [finetune: {epochs: 2}]
reference: baseline
seeds: 2
explain: [gradcam]
measure: [energy_pg]
analysis:
  primary: {attribution: gradcam, metric: energy_pg}
  resamples: 200
report: {languages: [en]}
"""


@dataclass(frozen=True)
class Elsewhere(Workplace):
    """A workplace whose store is on another disk than its protocol."""

    store: Path

    def __call__(self, *words: str, code: int = 0) -> str:
        return self.study(*words, "--runs", str(self.store), code=code)

    def with_reports(self, *words: str, code: int = 0) -> str:
        return self(*words, "--reports", "보고서 'x'", code=code)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """The study of two arms and two seeds, finished."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no second file system to write on (/dev/shm)")
    folder = tmp_path_factory.mktemp("내 'folder'")
    (folder / NAME).write_text(PROTOCOL, encoding="utf8")
    other = Path(tempfile.mkdtemp(prefix="study 어깨 ", dir="/dev/shm"))
    place = Elsewhere(folder, other / "my 'runs'")
    try:
        assert other.stat().st_dev != folder.stat().st_dev
        said = place.with_reports("run", NAME, "--workers", "2")
        assert "report: 보고서 'x'/tiny/report.pdf" in said
        yield place
    finally:
        shutil.rmtree(other)


@pytest.fixture
def place(made: Elsewhere) -> Iterator[Elsewhere]:
    """The finished study; what a test has taken from it is made again."""
    before = len(list(made.store.glob("objects/*/*/manifest.json")))
    yield made
    if len(list(made.store.glob("objects/*/*/manifest.json"))) != before:
        made.with_reports("run", NAME)


@pytest.fixture
def readonly(place: Elsewhere) -> Iterator[Path]:
    """The store's folder, mounted once more so that it can only be read."""
    view = place.folder / "read only"
    view.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "--bind", str(place.store), str(view)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("cannot mount a read-only file system here (needs root)")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(view)], check=True)
        yield view
    finally:
        subprocess.run(["umount", "-l", str(view)], check=True)


def test_every_command_reads_the_study_where_it_is(place: Elsewhere) -> None:
    assert "tiny: 4 of 4 runs done\n" in (status := place("status", NAME))
    assert " CPU seconds used\n" in status or " CPU minutes used\n" in status
    assert "  contrasts  long vs baseline: 2 and 2 of 2 runs\n" in status
    data: dict[str, Any] = json.loads(place("status", NAME, "--json"))
    assert data["stages"] == {"planned": data["stages"]["done"], "done": data["stages"]["done"]}
    assert "4 of 4 runs done" in place("status", NAME, "--watch")
    assert "are cached" in place("why", "long/1", "--protocol", NAME)
    assert "none broken" in place("verify", NAME)
    assert "attempt 1" in place("logs", "long/1", "--protocol", NAME, "--stage", "finetune")
    assert "nothing is running" in place("cancel", NAME)
    assert "nothing has failed there" in place("retry", NAME)


def test_a_run_that_is_made_again_leaves_the_others(place: Elsewhere) -> None:
    said = place("retry", NAME, "long/1", "--fresh")
    assert said.endswith(f"next: {shlex.join(('study', 'run', NAME, '--runs', str(place.store)))}\n")
    status = place("status", NAME)
    assert "tiny: 3 of 4 runs done, 1 missing\n" in status
    assert "  contrasts  long vs baseline: 1 and 2 of 2 runs\n" in status
    partial = place.with_reports("report", NAME)
    assert "tiny: 3 of 4 runs done, 1 missing\n" in partial
    results = json.loads((place.folder / "보고서 'x'" / "tiny" / "results.json").read_text("utf8"))
    assert (results["counts"]["runs_finished"], results["counts"]["runs_planned"]) == (3, 4)
    page = (place.folder / "보고서 'x'" / "tiny" / "report.html").read_text("utf8")
    assert "3 of 4 planned runs finished. Complete: Long 1 of 2 (seed 1: not run" in page


def test_gc_finds_nothing_in_a_finished_study_and_what_a_seed_less_frees(place: Elsewhere) -> None:
    assert "folders of `study run`" in place("gc", "--delete"), "the calls that made it have ended"
    assert "nothing to delete" in place("gc")
    place.with_reports("run", NAME, "--seeds", "1")
    place("gc", "--delete")
    assert "nothing to delete" in place("gc"), "the plan with two seeds was run as well"
    command = shlex.join(("study", "gc", "--latest", "--runs", str(place.store), "--delete"))
    assert f"`{command}` would free" in place("gc", "--latest")
    assert "4 of 4 runs done" in place("status", NAME)


def test_a_read_only_store_is_read_and_its_writing_refused_in_one_message(place: Elsewhere, readonly: Path) -> None:
    runs = ("--runs", "read only")
    assert "4 of 4 runs done" in place.study("status", NAME, *runs)
    assert "0 to do" in place.study("plan", NAME, *runs)
    assert "none broken" in place.study("verify", *runs)
    before = sorted(place.store.rglob("*"))
    for words in (("run", NAME), ("retry", NAME, "long/1", "--fresh")):
        said = place.study(*words, *runs, code=2)
        assert "Read-only file system" in said
        assert "make the folder writable for this user, or choose another one with --runs\n" in said
        assert "Traceback" not in said
    assert sorted(place.store.rglob("*")) == before


def test_a_broken_object_is_named_mended_and_made_again(place: Elsewhere) -> None:
    victim = next(place.store.glob("objects/*/*/maps.npy"))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    assert f"maps.npy: changed since they were made\n    {victim.parent}\n" in place("verify", code=4)
    assert "moved to" in place("verify", "--mend")
    assert "3 of 4 runs done" in place("status", NAME)
    place.with_reports("run", NAME)
    assert "none broken" in place("verify")
