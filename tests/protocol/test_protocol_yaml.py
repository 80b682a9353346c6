"""Files that are no protocol end with one clear message."""

from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.protocol import read

BROKEN = [
    (b"", 0, "file", "the file is empty; `study new` writes a protocol"),
    (b"# only a comment\n", 0, "file", "the file is empty"),
    (b"- a\n- b\n", 1, "file", "found a list; a protocol is a mapping"),
    (b"just words\n", 1, "file", "found a text; a protocol is a mapping"),
    (b"study: a\n\tquestion: b\n", 2, "YAML", "indented with a tab; YAML allows spaces only"),
    (b"study: [a, b\nquestion: c\n", 2, "YAML", "not valid YAML"),
    ("study: a\nquestion: 뼈\n".encode("cp949"), 2, "file", "not UTF-8 text; save the file as UTF-8"),
    (b"study: a\nquestion: \x07\n", 2, "YAML", "the character '\\x07' is not allowed in YAML"),
    (b"study: a\n---\nstudy: b\n", 2, "YAML", "not valid YAML: expected a single document"),
    (b"a: &x [1]\nb: *x\n", 2, "YAML", "not valid YAML: aliases (*name) are not read; write the value out"),
    (b"study: " + b"[" * 1500, 0, "YAML", "nested too deeply to be a protocol"),
]


@pytest.mark.parametrize(("content", "line", "where", "message"), BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_protocol_is_one_message(
    tmp_path: Path, content: bytes, line: int, where: str, message: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(ProtocolError) as caught:
        read(path)
    [problem] = caught.value.problems
    assert (problem.line, problem.where) == (line, where)
    assert problem.message.startswith(message)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="there is no such file"):
        read(tmp_path / "gone.yaml")
    with pytest.raises(ProtocolError, match="this is a folder; name a YAML file in it"):
        read(tmp_path)


def test_a_key_given_twice_names_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("seeds: 1\nstudy: a\nseeds: 2\nquestion: !!python/name:os.system x\n", encoding="utf8")
    with pytest.raises(ProtocolError) as caught:
        read(path)
    told = {(problem.line, problem.where, problem.message) for problem in caught.value.problems}
    assert (3, "seeds", "'seeds' is given twice; first in line 1") in told
    assert (4, "question", "the tag !!python/name:os.system is not allowed") in told


def test_a_byte_order_mark_is_read_past(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfstudy: 1\n")
    with pytest.raises(ProtocolError, match="found 1; must be text"):
        read(path)
