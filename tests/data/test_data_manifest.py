"""Manifests: what is read, and that all problems come at once with their lines."""

from pathlib import Path

import pytest

from study.data.manifest import parse_boxes, read
from study.errors import DataError


def written(folder: Path, text: str, *, encoding: str = "utf8") -> Path:
    path = folder / "manifest.csv"
    path.write_text(text, encoding=encoding)
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read(path)
    return str(error.value)


def test_rows_come_sorted_with_everything_known_of_them(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'image,label,split,patient_id,boxes,view\nb\\2.png,fracture,Train,p1,"[[1, 2, 3.5, 4]]",PA\na.png,Unlabelled,,,[],\n',
    )
    first, second = read(path)
    assert (first.image, first.label, first.split, first.patient, first.boxes) == ("a.png", "", "", "", ())
    assert (second.image, second.label, second.split, second.patient) == ("b/2.png", "fracture", "train", "p1")
    assert second.boxes == ((1.0, 2.0, 3.5, 4.0),)
    assert (first.line, second.line) == (3, 2)


def test_a_byte_order_mark_blank_lines_and_capitals_in_the_header_do_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path, "Image , LABEL\na.png, normal \n\n,\n", encoding="utf-8-sig")
    assert [(row.image, row.label) for row in read(path)] == [("a.png", "normal")]


def test_all_faulty_rows_are_listed_with_their_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "image,label,split,boxes\n"
        "a.png,x,tain,\n"
        'b.png,x,,"[[1, 2, 3]]"\n'
        "a.png,x,,\n"
        "c.png,x,,[[1,2,3,4]]\n"
        ",x,,\n"
        '/data/d.png,x,,"[[5, 0, 5, 9]]"\n'
        "e.png,x,,one box\n",
    )
    assert (
        refused(path)
        == f"""{path}: 8 problems, nothing was read

  line 2  column 'split'
           'tain' is not a known split; did you mean 'train'?
           known: test, train, unlabelled, val

  line 3  column 'boxes'
           [1, 2, 3] is not a box of four numbers; expected [[x0, y0, x1, y1], ...] in pixels, or [] for none

  line 4  column 'image'
           'a.png' is already on line 2; each film has one row

  line 5
           7 cells where the header has 4; a cell that holds commas, as boxes do, needs quotes

  line 6  column 'image'
           is blank; the path of the film under the images folder is expected

  line 7  column 'image'
           '/data/d.png' is an absolute path; a path under the images folder is expected

  line 7  column 'boxes'
           [5, 0, 5, 9] has no area; expected x0 < x1 and y0 < y1 (corners, not width and height)

  line 8  column 'boxes'
           'one box' is not JSON; expected [[x0, y0, x1, y1], ...] in pixels, or [] for none
"""
    )


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    path = written(tmp_path, "image,split\n" + "".join(f"{k}.png,wrong\n" for k in range(25)))
    text = refused(path)
    assert "25 problems" in text
    assert "line 21 " in text
    assert "line 22 " not in text
    assert "... and 5 more" in text


def test_a_missing_image_column_is_named_with_what_was_found(tmp_path: Path) -> None:
    path = written(tmp_path, "images,label\na.png,x\n")
    assert refused(path) == (
        f"{path}, header:\n  there is no column 'image'; did you mean 'image' by 'images'?\n"
        "  found: images, label\n  expected: image, label, split, patient_id, boxes, separated by commas"
    )


@pytest.mark.parametrize(
    ("header", "meant"), [("lable", "label"), ("patient", "patient_id"), ("box", "boxes"), ("splits", "split")]
)
def test_a_misspelt_column_is_not_ignored(tmp_path: Path, header: str, meant: str) -> None:
    text = refused(written(tmp_path, f"image,{header}\na.png,x\n"))
    assert f"did you mean '{meant}' by '{header}'?" in text


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    assert "the column 'label' is there twice" in refused(written(tmp_path, "image,label,Label\na,b,c\n"))


def test_files_that_are_no_manifest_say_why(tmp_path: Path) -> None:
    assert "does not exist: a CSV file with the columns image, label" in refused(tmp_path / "manifest.csv")
    assert "is empty: a header" in refused(written(tmp_path, "\n"))
    assert "has a header but no rows" in refused(written(tmp_path, "image,label\n"))
    path = tmp_path / "korean.csv"
    path.write_bytes("image,label\na.png,정상\n".encode("cp949"))
    assert refused(path) == f"{path} is not text in UTF-8: save it as 'CSV UTF-8'"
    assert "there is no column 'image'" in refused(written(tmp_path, "image;label\na.png;x\n"))


def test_korean_labels_are_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, "image,label\na.png,정상\n"))[0].label == "정상"


@pytest.mark.parametrize("text", ["", "[]"])
def test_no_boxes(text: str) -> None:
    assert parse_boxes(text) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is not a list"),
        ("[1, 2, 3, 4]", "1 is not a box of four numbers"),
        ("[[1, 2, 3, true]]", "is not a box of four numbers"),
        ('[["1", 2, 3, 4]]', "is not a box of four numbers"),
        ("[[0, 0, NaN, 4]]", "is not a box of four numbers"),
        ("[[10, 10, 5, 20]]", "has no area"),
    ],
)
def test_what_is_no_list_of_boxes_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_boxes(text)
