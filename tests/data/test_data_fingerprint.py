"""Hashes that are remembered, and the changes that must never be missed."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from study.data import fingerprint
from study.data.fingerprint import MISSING, SETTLED_S, file_sha256, files_sha256, remembered

OLD = time.time() - 3600


@pytest.fixture(autouse=True)
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are hashed, by a process that knows nothing yet and whose clock is an hour ahead.

    A new file's inode changes now, and only time makes it settle.
    """
    found: list[str] = []
    digest = hashlib.file_digest

    def spied(file, name):  # type: ignore[no-untyped-def]
        found.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", spied)
    monkeypatch.setattr(time, "time_ns", lambda: int((time.time() + 3600) * 1e9))
    restart(monkeypatch)
    return found


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if in a new process."""
    monkeypatch.setattr(fingerprint, "_MEMORY", fingerprint._Memory())


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def test_a_second_process_hashes_only_what_is_new_or_changed(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    films = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for film in films:
        film.write_bytes(film.name.encode())
    with remembered(tmp_path / "digests.json"):
        assert files_sha256(films) == [sha(b"a.png"), sha(b"b.png"), sha(b"c.png")]
    assert sorted(reads) == ["a.png", "b.png", "c.png"]
    restart(monkeypatch)
    films[1].write_bytes(b"other")
    films[2].unlink()
    (tmp_path / "d.png").write_bytes(b"d")
    with remembered(tmp_path / "digests.json"):
        again = files_sha256([*films, tmp_path / "d.png"])
    assert again == [sha(b"a.png"), sha(b"other"), MISSING, sha(b"d")]
    assert sorted(reads[3:]) == ["b.png", "d.png"]


@pytest.mark.parametrize("how", ["in place", "another inode"])
def test_the_same_size_and_time_do_not_hide_a_change(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    film = tmp_path / "a.png"
    film.write_bytes(b"first")
    os.utime(film, (OLD, OLD))
    with remembered(tmp_path / "digests.json"):
        file_sha256(film)
    restart(monkeypatch)
    if how == "in place":
        film.write_bytes(b"other")
    else:
        (tmp_path / "b.png").write_bytes(b"other")
        os.replace(tmp_path / "b.png", film)
    os.utime(film, (OLD, OLD))
    with remembered(tmp_path / "digests.json"):
        assert file_sha256(film) == sha(b"other")


def test_a_file_that_has_just_changed_is_hashed_again(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "a.png"
    film.write_bytes(b"first")
    changed_ns = film.stat().st_ctime_ns
    ends = {"within": changed_ns + int(SETTLED_S * 0.99e9), "after": changed_ns + int(SETTLED_S * 1.01e9)}
    for when, expected in (("within", 1), ("within", 2), ("after", 3), ("after", 3)):
        monkeypatch.setattr(time, "time_ns", lambda when=when: ends[when])
        restart(monkeypatch)
        with remembered(tmp_path / "digests.json"):
            assert file_sha256(film) == sha(b"first")
        assert len(reads) == expected, when


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 0, "files": {}}', '{"schema": 1, "files": {"a": [1]}}'])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    (tmp_path / "digests.json").write_text(content)
    with remembered(tmp_path / "digests.json"):
        assert file_sha256(tmp_path / "a.png") == sha(b"a")
    assert list(json.loads((tmp_path / "digests.json").read_text())["files"]) == [str(tmp_path / "a.png")]


def test_a_memory_without_a_folder_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    with remembered(tmp_path / "runs" / "digests.json"):
        assert file_sha256(tmp_path / "a.png") == sha(b"a")
    assert not (tmp_path / "runs").exists()


def test_two_processes_add_to_one_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"a")
        restart(monkeypatch)
        with remembered(tmp_path / "digests.json"):
            file_sha256(tmp_path / name)
    assert len(json.loads((tmp_path / "digests.json").read_text())["files"]) == 2
