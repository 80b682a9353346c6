"""What was declared stays declared; what changed is told once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from study.errors import StoreError
from study.protocol import Lock, lock, read
from study.records import Deviation

Write = Callable[..., Path]
FIRST, LATER = datetime(2026, 3, 1, 9, 0, tzinfo=UTC), datetime(2026, 3, 8, 9, 0, tzinfo=UTC)


def locked(path: Path, folder: Path, *, finished: int = 0, now: datetime = LATER, **overrides: object) -> Lock:
    return lock(read(path, overrides), folder, runs_finished=finished, now=now)


def test_the_first_run_keeps_the_file_its_hash_and_the_time(write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "studies" / "mini"
    found = locked(write(), folder, now=FIRST)
    assert (folder / "protocol.lock.yaml").read_text(encoding="utf8") == write().read_text(encoding="utf8")
    assert found.locked_at == "2026-03-01T09:00:00+00:00"
    assert found.hash.startswith("sha256:")
    assert len(found.hash) == 7 + 64
    assert json.loads((folder / "lock.json").read_text(encoding="utf8"))["hash"] == found.hash
    assert found.deviations == ()
    assert found.margins_set_later == ()
    assert not (folder / "deviations.json").exists()


def test_a_later_run_of_the_same_protocol_changes_nothing(write: Write, tmp_path: Path) -> None:
    first = locked(write(), tmp_path / "s", now=FIRST)
    assert locked(write(), tmp_path / "s", finished=6) == first


def test_every_change_is_told_once_with_what_was_known(write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    first = locked(write(), folder, now=FIRST)
    changed = write("seeds: 3", "seeds: 5", "mask_ratio: 0.75", "mask_ratio: 0.5", "insertion]", "insertion, ehr]")
    expected = (
        Deviation("2026-03-08T09:00:00+00:00", "arms.mae_random[0].mae.mask_ratio", "0.75", "0.5", 4),
        Deviation("2026-03-08T09:00:00+00:00", "measure.ehr", "(absent)", "{}", 4),
        Deviation("2026-03-08T09:00:00+00:00", "seeds", "[0, 1, 2]", "[0, 1, 2, 3, 4]", 4),
    )
    assert locked(changed, folder, finished=4).deviations == expected
    assert locked(changed, folder, finished=9).deviations == expected, "told once"
    assert locked(changed, folder).hash == first.hash, "the lock stays what it was"


def test_a_change_and_its_withdrawal_are_two_deviations(write: Write, tmp_path: Path) -> None:
    locked(write(), tmp_path / "s", now=FIRST)
    locked(write("seeds: 3", "seeds: 2"), tmp_path / "s", finished=1)
    found = locked(write(), tmp_path / "s", finished=2)
    assert [(d.before, d.after, d.runs_finished) for d in found.deviations] == [
        ("[0, 1, 2]", "[0, 1]", 1),
        ("[0, 1]", "[0, 1, 2]", 2),
    ]


def test_what_was_known_counts_though_no_old_run_is_left_in_the_new_plan(write: Write, tmp_path: Path) -> None:
    locked(write(), tmp_path / "s", now=FIRST)
    locked(write(), tmp_path / "s", finished=6)
    path = write("[finetune]", "[finetune: {lr: 1e-3}]", "energy_pg}", "energy_pg}\n  margins: {energy_pg: 0.03}")
    found = locked(path, tmp_path / "s", finished=0)
    assert {(d.where, d.runs_finished) for d in found.deviations} == {
        ("analysis.margins.energy_pg", 6),
        ("arms.baseline[0].finetune.lr", 6),
    }
    assert found.margins_set_later == ("energy_pg",)


def test_a_new_arm_and_another_chain_are_one_change_each(write: Write, tmp_path: Path) -> None:
    locked(write(), tmp_path / "s", now=FIRST)
    path = write(
        "[finetune]", "[finetune]\n  proxy: [rotation, finetune]", "0.75}, finetune]", "0.75}, rotation, finetune]"
    )
    found = locked(path, tmp_path / "s", finished=1)
    assert [(d.where, d.before, d.after) for d in found.deviations] == [
        ("arms.mae_random", '"mae > finetune"', '"mae > rotation > finetune"'),
        ("arms.proxy", "(absent)", '"rotation > finetune"'),
    ]


def test_overrides_of_the_command_line_count_as_changes(write: Write, tmp_path: Path) -> None:
    locked(write(), tmp_path / "s", now=FIRST)
    found = locked(write(), tmp_path / "s", finished=1, seeds=1, models=["densenet_phantom"])
    assert [d.where for d in found.deviations] == ["models", "seeds"]


def test_where_the_work_is_done_and_how_the_report_looks_is_no_deviation(write: Write, tmp_path: Path) -> None:
    locked(write(), tmp_path / "s", now=FIRST)
    path = write("seeds: 3", "seeds: 3\ntitle: Another\nreport: {languages: [ko]}\ndispatch: {workers: 1}")
    assert locked(path, tmp_path / "s", finished=5).deviations == ()


@pytest.mark.parametrize(("finished", "later"), [(0, ()), (1, ("energy_pg",))])
def test_a_margin_set_when_results_existed_is_marked(
    write: Write, tmp_path: Path, finished: int, later: tuple[str, ...]
) -> None:
    locked(write(), tmp_path / "s", now=FIRST)
    path = write("energy_pg}", "energy_pg}\n  margins: {energy_pg: 0.03}")
    found = locked(path, tmp_path / "s", finished=finished)
    assert [(d.where, d.before, d.after) for d in found.deviations] == [
        ("analysis.margins.energy_pg", "(absent)", "0.03")
    ]
    assert found.margins_set_later == later
    marked = {c.metric for c in read(path).contrasts(found.margins_set_later) if c.margin_set_later}
    assert marked == set(later)


def test_other_films_are_a_deviation_and_another_folder_is_not(write: Write, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    old = "{format: phantom, anatomy: chest, images: 50}"
    here, moved = (read(write(old, f"{{format: csv, manifest: {name}.csv}}")) for name in "ab")
    folder = tmp_path / "s"
    lock(here, folder, runs_finished=0, now=FIRST, digests={"chest": "sha256:1"})
    assert lock(moved, folder, runs_finished=1, now=LATER, digests={"chest": "sha256:1"}).deviations == ()
    [found] = lock(moved, folder, runs_finished=1, now=LATER, digests={"chest": "sha256:2"}).deviations
    assert (found.where, found.before, found.after) == ("data.chest.(films)", '"sha256:1"', '"sha256:2"')


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_lock_is_not_replaced(write: Write, tmp_path: Path, content: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "lock.json").write_text(content, encoding="utf8")
    with pytest.raises(StoreError, match="the locked protocol cannot be read"):
        locked(write(), tmp_path / "s")
    assert (tmp_path / "s" / "lock.json").read_text(encoding="utf8") == content


def test_a_folder_that_cannot_be_made_is_told(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written or read"):
        locked(write(), tmp_path / "file" / "s")
