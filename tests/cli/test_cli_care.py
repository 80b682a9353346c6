"""status, retry, why, verify and gc as the user calls them, on stores that stages of no weight have filled."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from study.cli import main
from study.cli.care import spoken_size
from study.cli.options import open_protocol
from study.records import Stage
from study.store import Ending, Store
from study.store.attempts import Attempt

PROTOCOL = """\
study: tiny
question: Does it work?
data:
  films: {format: phantom, anatomy: shoulder, train: 8, val: 4, test: 4}
target: films
image_size: 32
models: [vit_phantom]
arms:
  baseline: [finetune: {epochs: 1, weight_decay: 0.5}]
  long: [finetune: {epochs: 2}]
reference: baseline
seeds: 2
seeding: paired
explain: [gradcam]
measure: [energy_pg]
analysis:
  primary: {attribution: gradcam, metric: energy_pg}
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Place:
    """An empty working folder with a protocol in it, and the program."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.protocol = Path("어깨 protocols") / "it's tiny.yaml"
        self.protocol.parent.mkdir()
        self.protocol.write_text(PROTOCOL, encoding="utf8")
        self.store = Store(Path("my runs"))

    def __call__(self, *words: str) -> Ended:
        with pytest.raises(SystemExit) as caught:
            main([*words, "--runs", "my runs"])
        said = self._capsys.readouterr()
        return Ended(int(caught.value.code or 0), said.out, said.err)

    def fill(self, *, but: tuple[str, ...] = ()) -> None:
        """Publish a file for every stage whose label has none of these words."""
        self.store.prepare()
        for stage in open_protocol(str(self.protocol), Path("my runs")).plan.stages.values():
            if not any(word in stage.label for word in but) and not self.store.has(stage.key):
                publish(self.store, stage)

    def key(self, label: str) -> str:
        plan = open_protocol(str(self.protocol), Path("my runs")).plan
        return next(key for key, stage in plan.stages.items() if label in stage.label)


def publish(store: Store, stage: Stage) -> None:
    lease = store.lease(stage, study="tiny")
    assert lease is not None
    attempt = store.attempt(stage, lease)
    (attempt.out / "facts.json").write_text("{}")
    assert store.publish(stage, attempt, lease, seconds=36.0) == "done"
    attempt.close(Ending("done"))
    lease.release()


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return Place(capsys)


def test_status_says_what_is_there_what_failed_and_whole_commands(study: Place) -> None:
    name = str(study.protocol)
    empty = study("status", name)
    assert "tiny: 0 of 4 runs done, 4 missing\n" in empty.out
    assert "  stages     17 missing of 17\n" in empty.out
    assert "  contrasts  long vs baseline: 0 of 2 pairs\n" in empty.out
    assert "(a coarse guess)" in empty.out
    assert not Path("my runs").exists()
    study.fill(but=("seed1", "seed 1"))
    attempt = Attempt(study.store.workshop(study.key("seed 1")) / "attempts" / "0001-abcdef").open()
    attempt.close(Ending("failed", "ValueError: no"))
    out = study("status", name).out
    assert "tiny: 2 of 4 runs done, 1 failed, 1 missing\n" in out
    assert "  stages     9 reused, 4 missing, 1 failed, 3 blocked of 17\n" in out
    assert "  contrasts  long vs baseline: 1 of 2 pairs\n" in out
    assert "  compute    5.4 CPU minutes reused\n" in out  # 9 stages of 36 s
    quoted = """'어깨 protocols/it'"'"'s tiny.yaml'"""
    assert f"study logs baseline/1 --protocol {quoted} --runs 'my runs'\n" in out
    assert f"  next       study run {quoted} --runs 'my runs'  (does the 2 missing)\n" in out


def test_status_as_json_and_watched_without_a_terminal(study: Place) -> None:
    study.fill(but=("long",))
    data = json.loads(study("status", str(study.protocol), "--json").out)
    assert data["stages"]["planned"] == 17
    assert [run["state"] for run in data["runs"]] == ["done", "missing", "done", "missing"]
    ended = study("status", str(study.protocol), "--watch", "--every", "0.01")
    assert (ended.code, ended.out.count("tiny: 2 of 4 runs done, 2 missing")) == (4, 2)
    study.fill()
    assert study("status", str(study.protocol), "--watch", "--json", "--every", "0.01").code == 0
    wrong = study("status", str(study.protocol), "--watch", "--every", "0")
    assert (wrong.code, wrong.err) == (2, "--every: found 0; must be seconds above 0\n")


def test_retry_forgives_what_failed_and_fresh_needs_names(study: Place) -> None:
    study.fill(but=("seed1", "seed 1"))
    assert study("retry", str(study.protocol)).out == "tiny: nothing has failed there\n"
    attempt = Attempt(study.store.workshop(study.key("seed 1")) / "attempts" / "0001-abcdef").open()
    attempt.close(Ending("failed", "ValueError: no"))
    out = study("retry", str(study.protocol), "baseline/1").out
    assert out.startswith(
        "finetune on films, vit_phantom, seed 1: 1 attempt forgiven (ValueError: no)\nnext: study run "
    )
    assert "1 failed" not in study("status", str(study.protocol)).out
    ended = study("retry", str(study.protocol), "--fresh")
    assert (ended.code, ended.err) == (
        2,
        "--fresh: say which runs, such as mae_random/1; what they have made is moved away\n",
    )
    assert "8 folders moved to" in study("retry", str(study.protocol), "baseline/0", "--fresh").out
    assert "tiny: 1 of 4 runs done" in study("status", str(study.protocol)).out


def test_why_names_the_setting_that_was_changed(study: Place) -> None:
    study.fill()
    text = study.protocol.read_text(encoding="utf8")
    study.protocol.write_text(text.replace("{epochs: 2}", "{epochs: 3}"), encoding="utf8")
    assert study("why", "baseline/0", "--protocol", str(study.protocol)).out.endswith("stages are cached\n")
    out = study("why", "long/1", "--protocol", str(study.protocol)).out
    assert out.startswith("long-vit_phantom-seed1: 4 of 5 stages are not cached\n")
    assert "    settings.epochs  2 -> 3\n" in out
    assert "\n3 more differ from stored ones only in what they are made from" in out


def test_verify_names_what_is_broken_and_moves_it_only_when_asked(study: Place) -> None:
    assert study("verify").out == "0 objects, 0 B read: none broken\n"
    study.fill()
    assert study("verify").out == "17 objects, 34 B read: none broken\n"
    folder = study.store.object_folder(study.key("data films"))
    (folder / "facts.json").write_text("[]")
    for words in (("verify",), ("verify", str(study.protocol))):
        ended = study(*words)
        assert ended.code == 4
        assert ended.out.startswith(f"data films: facts.json: changed since they were made\n    {folder}\n17 objects")
    assert ended.out.endswith(
        """`study verify '어깨 protocols/it'"'"'s tiny.yaml' --mend --runs 'my runs'` moves them to quarantine/, the next """
        "`study run` makes them again\n"
    )
    assert folder.exists()
    mended = study("verify", "--mend")
    assert (mended.code, folder.exists()) == (0, False)
    [moved] = (study.store.root / "quarantine").iterdir()
    assert f"    moved to {moved}\n" in mended.out
    out = study("status", str(study.protocol)).out
    assert "tiny: 4 of 4 runs done\n" in out
    assert "16 reused, 1 missing of 17\n" in out
    assert "(does 1 stage that no run needs to count)\n" in out


def test_gc_shows_first_and_deletes_what_no_plan_uses(study: Place) -> None:
    study.fill()
    assert "nothing to delete" not in study("gc").out  # no study was run: nobody uses anything
    (study.store.study_folder("tiny") / "sessions").mkdir(parents=True)
    out = study("gc").out
    assert "  'tiny' was never run by this version, so what it uses is not known and all objects stay" in out
    assert "nothing to delete" in out
    from study.store import record_dag

    record_dag(study.store.study_folder("tiny"), open_protocol(str(study.protocol), Path("my runs")).plan)
    publish(study.store, Stage("f" * 24, "finetune", {"kind": "finetune"}, {}, "of nobody"))
    out = study("gc").out
    assert "18 objects, " in out
    assert "; 17 of them used by a study\n" in out
    assert "`study gc --runs 'my runs' --delete` would free " in out
    assert study.store.has("f" * 24)
    lease = study.store.lease(Stage("e" * 24, "mae", {"kind": "mae"}, {}, "now"), study="other")
    assert lease is not None
    refused = study("gc", "--delete")
    assert (refused.code, "nothing was deleted, stages are being worked on: eeeeee" in refused.err) == (2, True)
    lease.release()
    assert "deleted 3 files and folders, " in study("gc", "--delete").out  # the object and two workshops
    assert not study.store.has("f" * 24)
    assert "17 objects" in study("verify").out


def test_gc_takes_folders_of_ended_calls_and_hashes_of_films_that_are_gone(study: Place) -> None:
    from study.dispatch.session import Session
    from study.store import record_dag

    study.fill()
    folder = study.store.study_folder("tiny")
    record_dag(folder, open_protocol(str(study.protocol), Path("my runs")).plan)
    ended = Session.begin(study.store, "tiny").folder
    holder = json.loads((ended / "conductor.json").read_text())
    (ended / "conductor.json").write_text(json.dumps({**holder, "pid": 2**22 + 1}))  # no such process
    films = {str(path.absolute()): [1, 2, 3, 4, "ab"] for path in (study.protocol, Path("gone.png"))}
    (study.store.root / "digests.json").write_text(json.dumps({"schema": 1, "files": films}))
    out = study("gc").out
    assert "       1  folders of `study run` and of SLURM jobs that have ended " in out
    assert "       1  remembered hashes of films that are gone\n" in out
    assert "quarantine" not in out
    assert ended.exists()
    assert "deleted 1 files and folders, " in study("gc", "--delete").out
    assert not ended.exists()
    left = json.loads((study.store.root / "digests.json").read_text())
    assert left == {"schema": 1, "files": {str(study.protocol.absolute()): [1, 2, 3, 4, "ab"]}}
    assert "nothing to delete\n" in study("gc").out
    study.store.set_aside(study.store.object_folder(study.key("data films")))
    assert "  quarantine/ holds " in study("gc").out


def test_hashes_of_films_are_kept_in_the_store_and_films_are_read_once(
    study: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    from study.data import fingerprint

    folder = Path("내 films")
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for n in range(6):
            Image.new("L", (40, 40), 20 * n + (label == "b")).save(folder / label / f"it's {n}.png")
    old = time.time() - 3600
    for path in folder.rglob("*.png"):
        os.utime(path, (old, old))
    films = f"{{format: imagefolder, folder: '../{folder}'}}"
    text = study.protocol.read_text(encoding="utf8").replace(
        "{format: phantom, anatomy: shoulder, train: 8, val: 4, test: 4}", films
    )
    study.protocol.write_text(text.replace("energy_pg", "faithfulness_gap"), encoding="utf8")
    study.store.prepare()
    monkeypatch.setattr(time, "time_ns", lambda: int((time.time() + 3600) * 1e9))
    monkeypatch.setattr(fingerprint, "_MEMORY", fingerprint._Memory())
    assert study("status", str(study.protocol)).code == 0
    assert len(json.loads((study.store.root / "digests.json").read_text())["files"]) == 12
    monkeypatch.setattr(fingerprint, "_MEMORY", fingerprint._Memory())
    monkeypatch.setattr(fingerprint.hashlib, "file_digest", None)
    assert study("status", str(study.protocol)).code == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (812, "812 B"), (999, "999 B"), (1000, "1.0 kB"), (3_200_000, "3.2 MB"), (10**15, "1000.0 TB")],
)
def test_sizes_are_short(size: int, text: str) -> None:
    assert spoken_size(size) == text
