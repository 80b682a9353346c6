"""What a report may cost: bytes, pages, memory, processor time, pictures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_builder import Made, made_up

from study.report import figures, glyphs
from study.report.front import Fit, front
from study.report.gallery import MOST_THUMBNAILS, gallery
from study.report.html import content, render_page
from study.report.notes import Notes
from study.report.pictures import Pictures
from study.report.results import results as make_results
from study.report.terms import fill

MB = 1_000_000
SECONDS, FACTOR = 30, 3
"""Of two idle cores, and by how much a busy machine may exceed them in processor time."""
PROGRAM = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from report_builder import Made, made_up
from study.report import render
made = made_up(Made())
began = time.process_time()
rendered = render(made, Path(sys.argv[2]))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak = int(status["VmHWM"].split()[0]) * 1024  # not ru_maxrss, which begins at the size of the process that started this
print(json.dumps({"seconds": time.process_time() - began, "peak": peak, "pages": rendered.pages,
                  "torch": "torch" in sys.modules}))
"""


@pytest.fixture(scope="module")
def cost(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The made-up study of four arms and two models, rendered in a process of its own."""
    folder = tmp_path_factory.mktemp("budget")
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**measured, "folder": folder}


@pytest.mark.slow
def test_the_page_with_sixty_thumbnails_and_the_pdf_with_its_attachments_can_be_mailed(cost: dict[str, Any]) -> None:
    page = (cost["folder"] / "report.html").read_text(encoding="utf8")
    assert page.count("data:image/jpeg") == 60
    assert (cost["folder"] / "report.html").stat().st_size < 3 * MB
    assert (cost["folder"] / "report.pdf").stat().st_size < 2 * MB


@pytest.mark.slow
def test_a_second_model_adds_at_most_four_pages_to_the_twelve_of_the_default_design(cost: dict[str, Any]) -> None:
    assert cost["pages"] <= 12 + 4


@pytest.mark.slow
def test_the_whole_process_stays_within_400_mb_and_90_seconds_of_a_core(cost: dict[str, Any]) -> None:
    assert not cost["torch"]
    assert cost["peak"] < 400 * MB
    assert cost["seconds"] < SECONDS * FACTOR


def test_the_fonts_add_less_than_two_megabytes_to_the_package() -> None:
    sizes = [path.stat().st_size for path in glyphs.FOLDER.iterdir() if path.is_file()]
    assert len(sizes) > 3
    assert sum(sizes) < 2 * MB


def test_the_pictures_of_the_readme_are_there_and_small() -> None:
    root = Path(__file__).resolve().parents[2]
    named = re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", (root / "README.md").read_text(encoding="utf8"))
    assert ".ci/page-1.png" in named
    assert {name for name in named if (root / name).stat().st_size >= 150_000} == set()


def test_at_most_120_thumbnails_are_shown_and_the_films_that_lack_some_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("film", "overlay"):
        monkeypatch.setattr(figures, name, lambda *_, **__: b"x")
    arms = ("baseline", *(f"arm_{n}" for n in range(11)))
    report = made_up(Made(arms=arms, models=("a", "b", "c"), metrics=("ehr",), attributions=("gradcam",)))
    results = make_results(report, Notes())
    found = gallery(report, results)
    shown = [thumbnail for table in found.tables for line in table.lines for thumbnail in line.thumbnails]
    # model a: 6 films x (6 + 1) pictures, twice; of model b then 5 films x (6 + 1), and one picture is no row
    assert [len(table.lines) for table in found.tables] == [6, 6, 5]
    assert (len(shown), MOST_THUMBNAILS) == (119, 120)
    assert found.left_out == 12, "6 of model b, 5 of which have the first arms, and 6 of model c"

    said = fill("more.thumbnails", n=12)
    whole = content(results, front(results, Notes(), None, Fit()), Pictures(), found, Notes())
    for web in (True, False):
        text = " ".join(re.sub(r"<[^>]*>", "", render_page(whole, ("en",), web=web, only=8)).split())
        assert said.en in text
    listed = {(row["model"], row["image_id"]) for row in results["gallery"]}
    assert len(listed) == 18, "results.json, where the sentence says that they are"
