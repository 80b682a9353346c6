"""`study data`, and `study new` on folders of every kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from study.cli import main
from study.protocol import read
from study.protocol.data import ImagefolderSettings, YoloSettings


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`run("data", "films")` in an empty working folder with an empty protocols/: code, output, errors."""
    monkeypatch.chdir(tmp_path)
    Path("protocols").mkdir()

    def study(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return study


def films(*, yolo: bool = False) -> None:
    for k in range(8):
        name = f"images/{k}" if yolo else f"{('ill', 'no')[k % 2]}/{k}"
        path = Path("films") / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(k).integers(0, 255, (30, 40)).astype(np.uint8)
        Image.fromarray(noise).save(path)
        if yolo and k % 2:
            text = Path("films/labels") / f"{k}.txt"
            text.parent.mkdir(exist_ok=True)
            text.write_text("0 0.5 0.5 0.25 0.5\n")


def test_a_folder_is_told_drawn_and_written_and_ends_with_its_line(run: Any) -> None:
    films(yolo=True)
    code, out, err = run("data", "films", "--contact", "sheet.png", "--json", "facts.json")
    assert (code, err) == (0, "")
    assert out == (
        "contact sheet of 8 films: sheet.png\n\n"
        "films\n\n"
        "format      yolo: labels/ holds 4 text files of boxes\n"
        "films       8\n"
        "            pixels: 40 x 30 to 40 x 30, median 40 x 30\n"
        "            bits: 8 (8 films)\n"
        "labels      none: 4 (50 %)\n"
        "            0: 4 (50 %)\n"
        "splits      open 8; open ones are divided by patient (setting split)\n"
        "boxes       4 on 4 films; median area 12.5 % of the film\n"
        "patients    unknown: films of one patient may fall into two splits; add\n"
        "              patient_id\n"
        "broken      0 cannot be used; decoded: all\n"
        "twice       identical files: 0 groups\n\n"
        "For a protocol in protocols/, below `data:`:\n"
        "  films: {format: yolo, folder: ../films}\n"
    )
    facts = json.loads(Path("facts.json").read_text())
    assert (facts["format"], facts["boxes"]["area_median"], facts["decoded"]) == ("yolo", 0.125, 8)
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_mistakes_are_one_message_and_code_2(run: Any) -> None:
    code, out, err = run("data", "nowhere")
    assert (code, out) == (2, "")
    assert err == "nowhere does not exist; a folder of films, or the file that describes one, is expected\n"
    films()
    code, _, err = run("data", "films", "--json", "no/where.json")
    assert (code, err) == (2, "no/where.json cannot be written (No such file or directory)\n")
    code, _, err = run("data", "films", "--contact", "no/where.png")
    assert (code, err) == (2, "no/where.png cannot be written (No such file or directory)\n")


def test_the_line_can_be_put_into_a_protocol(run: Any) -> None:
    films()
    _, out, _ = run("data", "films")
    assert run("new", "--data", "films", "--name", "mine")[0] == 0
    text = Path("protocols/mine.yaml").read_text(encoding="utf8")
    begin, end = text.index("  films:\n"), text.index("target:")
    Path("protocols/other.yaml").write_text(text[:begin] + out.splitlines()[-1] + "\n" + text[end:], encoding="utf8")
    settings = read(Path("protocols/other.yaml")).data["films"]
    assert settings == ImagefolderSettings(folder="../films")


def test_a_new_protocol_uses_the_format_that_was_found(run: Any) -> None:
    films(yolo=True)
    assert run("new", "--data", "films", "--name", "mine")[0] == 0
    protocol = read(Path("protocols/mine.yaml"))
    assert protocol.data["films"] == YoloSettings(folder="../films", classes=("none", "0"))
    assert protocol.analysis.primary is not None
    assert protocol.analysis.primary.metric == "energy_pg"
    assert not Path("protocols/mine.csv").exists()
    assert "9 runs" in run("plan", "mine")[1]


def test_data_of_any_format_replaces_the_phantoms_of_a_protocol(run: Any) -> None:
    films(yolo=True)
    assert run("new", "--data", "films", "--name", "mine")[0] == 0
    Path("films").rename("moved")
    assert "'../films' does not exist" in run("validate", "mine")[2]
    assert run("validate", "mine", "--data", "moved")[1].startswith("protocols/mine.yaml: fine; 9 runs")
    assert run("validate", "mine", "--data", "films=moved/images")[1].startswith("protocols/mine.yaml: fine; 9 runs")
    code, _, err = run("validate", "mine", "--data", "protocols")
    assert (code, err.partition(":")[0]) == (2, "protocols holds neither films nor a description")
