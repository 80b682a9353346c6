"""One report at a time in a folder, whoever writes it."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from study.conclude.numbered import Conclusion, once
from study.errors import StudyError
from study.store import Holder


def maker(folder: Path, key: str, made: list[str], *, go: threading.Event | None = None) -> Callable[[], Conclusion]:
    """Something that writes a report with nothing in it, as soon as it may."""

    def make() -> Conclusion:
        made.append(key)
        if go is not None:
            assert go.wait(timeout=20)
        (folder / "results.json").write_text("{}")
        manifest = {"key": key, "number": 1, "files": ["results.json"], "pdf_problem": None}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return Conclusion(folder, {}, reused=False)

    return make


def test_of_two_that_finish_at_once_one_writes_and_the_other_waits_and_finds_it(tmp_path: Path) -> None:
    made: list[str] = []
    found: list[Conclusion] = []
    go = threading.Event()
    make = maker(tmp_path / "toy", "k", made, go=go)
    both = [threading.Thread(target=lambda: found.append(once(tmp_path / "toy", "k", make))) for _ in range(2)]
    for thread in both:
        thread.start()
    both[0].join(timeout=0.2)
    both[1].join(timeout=0.2)
    assert (made, found) == (["k"], [])
    go.set()
    for thread in both:
        thread.join(timeout=20)
    assert made == ["k"]
    assert sorted(each.reused for each in found) == [False, True]
    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == ["manifest.json", "results.json"]


def test_a_report_whose_process_died_is_written_by_the_next(tmp_path: Path) -> None:
    folder, made = tmp_path / "toy", list[str]()
    folder.mkdir()
    dead = {**Holder.here().as_json(), "start": 1, "token": "t", "attempt": "0001-t", "study": "toy", "since": 0.0}
    (folder / "lease.json").write_text(json.dumps(dead))
    assert not once(folder, "k", maker(folder, "k", made)).reused
    assert made == ["k"]
    assert once(folder, "k", maker(folder, "k", made)).reused
    assert made == ["k"]
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "results.json"]


def test_a_folder_that_cannot_be_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    folder = tmp_path / "reports" / "toy"
    expected = rf"{folder}: no report can be written there: Not a directory\nmake the folder writable .* with --reports"
    with pytest.raises(StudyError, match=expected):
        once(folder, "k", maker(folder, "k", []))
