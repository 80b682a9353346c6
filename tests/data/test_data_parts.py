"""Part masks of the csv format, from files to label maps."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from test_data_csv import Films

from study import data
from study.data.decode import Unreadable, decode_mask
from study.data.resize import place
from study.errors import DataError, ProtocolError
from study.protocol import read
from study.protocol.data import CsvSettings
from study.records import Dataset

WIDTH, HEIGHT = 60, 40


class Masked:
    """Twenty films of 60 x 40 pixels and a folder of masks for them."""

    def __init__(self, folder: Path) -> None:
        self.films = Films(folder).study(20)
        self.films.write()
        self.folder, self.parts = folder, folder / "masks"

    def add(self, concept: str, name: str, pixels: Any = None, *, box: tuple[int, int, int, int] | None = None) -> None:
        """A mask: pixels, bytes, or white inside a box."""
        path = self.parts / concept / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(pixels, bytes):
            path.write_bytes(pixels)
            return
        if pixels is None:
            pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
            x0, y0, x1, y1 = box or (0, 0, 30, 20)
            pixels[y0:y1, x0:x1] = 255
        Image.fromarray(pixels).save(path)

    def settings(self, **settings: Any) -> dict[str, Any]:
        return CsvSettings(**{"manifest": "manifest.csv", "parts": "masks", **settings}).model_dump(mode="json")

    def prepare(self, *, image_size: int = 30, **settings: Any) -> Dataset:
        self.films.write()
        out = self.folder / f"out{len(list(self.folder.iterdir()))}"
        out.mkdir()
        data.prepare("films", self.settings(**settings), image_size=image_size, root=self.folder, out=out)
        return data.load(out)

    def digest(self) -> str:
        self.films.write()
        return data.digest(self.settings(), root=self.folder)

    def label_map(self, dataset: Dataset, image: str) -> NDArray[np.uint8]:
        assert dataset.parts is not None
        return np.asarray(dataset.parts[dataset.image_ids.index(image)])


@pytest.fixture
def masked(tmp_path: Path) -> Masked:
    return Masked(tmp_path / "films")


def test_masks_become_label_maps_that_lie_where_their_films_do(masked: Masked) -> None:
    masked.add("lung", "film00.png", box=(0, 0, 30, 20))
    masked.add("bone", "film00.png", box=(40, 20, 60, 40))
    masked.add("lung", "film07.png", box=(0, 0, 60, 10))
    dataset = masked.prepare()
    assert dataset.part_names == ("bone", "lung")
    expected = np.zeros((30, 30), dtype=np.uint8)
    # 60 x 40 becomes 30 x 20 with 5 black rows above
    expected[5:15, :15], expected[15:25, 20:] = 2, 1
    assert np.array_equal(masked.label_map(dataset, "film00.png"), expected)
    assert (masked.label_map(dataset, "film07.png")[5:10] == 2).all()
    assert not masked.label_map(dataset, "film01.png").any(), "no file, not in the film"
    assert dataset.facts["parts"]["concepts"]["lung"] == {"films": 2, "hidden_share": 0.0, "lost_in_films": 0}


@pytest.mark.parametrize("rule", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [32, 96])
def test_a_mask_that_fills_a_box_fills_the_box_in_the_square(masked: Masked, rule: str, size: int) -> None:
    masked.films.rows[0]["boxes"] = "[[12, 8, 45, 32]]"
    masked.add("lung", "film00.png", box=(12, 8, 45, 32))
    dataset = masked.prepare(image_size=size, resize=rule)
    x0, y0, x1, y1 = dataset.boxes[0][0].tolist()
    rows, columns = np.nonzero(masked.label_map(dataset, "film00.png"))
    assert abs(np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) - (x0, y0, x1, y1)).max() <= 1
    assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_every_pixel_takes_the_mask_at_its_centre() -> None:
    mask = np.zeros((1, 6), dtype=np.bool_)
    mask[0, [1, 4]] = True
    assert place(6, 1, size=2, rule="stretch").mask(mask).tolist() == [[True, True]] * 2
    assert place(6, 1, size=3, rule="letterbox").mask(mask).tolist() == [[False] * 3, [True, False, False], [False] * 3]


def test_masks_follow_the_films_that_are_kept_and_their_order(masked: Masked) -> None:
    for k in range(20):
        masked.films.add(f"early{k:02d}.png", patient_id=f"p{k}")  # those of val and test patients are left out
        for name in (f"early{k:02d}.png", f"film{k:02d}.png"):
            masked.add("lung", name, box=(0, 0, 2 * k + 2, 40))
    masked.films.rows[5]["label"] = masked.films.rows[5]["patient_id"] = ""
    masked.films.rows[6]["label"] = "c"
    (masked.folder / "images" / "film02.png").write_bytes(b"")
    dataset = masked.prepare(classes=("a", "b"))
    assert "film02.png" not in dataset.image_ids
    assert "film06.png" not in dataset.image_ids
    assert 0 < sum(image.startswith("early") for image in dataset.image_ids) < 20
    for image in dataset.image_ids:
        width = 2 * int(image[-6:-4]) + 2
        assert masked.label_map(dataset, image)[5:25].any(axis=0).sum() == width // 2


def test_the_smaller_of_two_masks_lies_on_top_and_what_it_hides_is_counted(masked: Masked) -> None:
    masked.add("lesion", "film00.png", box=(0, 0, 10, 10))
    masked.add("lung", "film00.png", box=(0, 0, 40, 20))
    masked.add("thorax", "film00.png", box=(0, 0, 40, 20))
    dataset = masked.prepare()
    labels = masked.label_map(dataset, "film00.png")
    assert (labels[5:10, :5] == 1).all()
    assert (labels[10:15, :20] == 3).all(), "of equals the later name is on top"
    concepts = dataset.facts["parts"]["concepts"]
    assert concepts["lesion"]["hidden_share"] == 0.0
    assert concepts["lung"] == {"films": 0, "hidden_share": 1.0, "lost_in_films": 1}
    assert concepts["thorax"]["hidden_share"] == pytest.approx(25 / 200)
    assert json.loads(json.dumps(dataset.facts)) == dataset.facts


def test_a_part_too_small_for_the_square_is_counted_as_lost(masked: Masked) -> None:
    masked.add("marker", "film00.png", box=(0, 0, 1, 1))
    masked.add("marker", "film01.png", box=(0, 0, 20, 20))
    assert masked.prepare().facts["parts"]["concepts"]["marker"] == {
        "films": 1, "hidden_share": 0.0, "lost_in_films": 1
    }  # fmt: skip


def as_png(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def painted(mode: str, background: Any, colour: Any) -> Image.Image:
    image = Image.new(mode, (4, 2), background)
    image.putpixel((3, 1), colour)
    return image


@pytest.mark.parametrize(
    "image",
    [
        painted("1", 0, 1),
        painted("L", 0, 1),
        painted("I;16", 0, 300),
        painted("RGB", (0, 0, 0), (0, 0, 1)),
        painted("LA", (0, 255), (9, 255)),
        painted("RGBA", (255, 255, 255, 0), (255, 0, 0, 255)),
        painted("RGBA", (0, 0, 0, 255), (0, 1, 0, 255)),
    ],
    ids=lambda image: image.mode,
)
def test_what_is_not_black_is_the_concept(image: Image.Image) -> None:
    assert decode_mask(as_png(image)).tolist() == [[False] * 4, [False] * 3 + [True]]


def test_palettes_count_by_their_colours() -> None:
    image = painted("P", 1, 0)
    image.putpalette([200, 10, 10, 0, 0, 0])  # index 0 is red, index 1 is black
    assert decode_mask(as_png(image)).tolist() == [[False] * 4, [False] * 3 + [True]]


def test_masks_are_turned_upright_and_have_one_page() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_mask(as_png(painted("L", 0, 255), exif=exif)).shape == (4, 2)
    buffer = io.BytesIO()
    page = painted("L", 0, 255)
    page.save(buffer, "TIFF", save_all=True, append_images=[page, page])
    with pytest.raises(Unreadable, match="has 3 pages; a mask has one"):
        decode_mask(buffer.getvalue())


def test_masks_that_cannot_be_used_are_told_all_at_once(masked: Masked) -> None:
    masked.add("lung", "film00.png", np.ones((20, 30), dtype=np.uint8))
    masked.add("lung", "film01.png", b"")
    noise = np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8)
    masked.add("lung", "film02.png", as_png(Image.fromarray(noise))[:200])
    masked.add("bone", "film03.png", np.full((HEIGHT, WIDTH), 255, dtype=np.uint8))
    with pytest.raises(DataError) as error:
        masked.prepare()
    assert str(error.value).splitlines() == [
        f"{masked.parts} (setting `parts`): 4 problems with the part masks:",
        "  lung/film00.png: has 30 x 20 pixels, its film 60 x 40",
        "  lung/film01.png: the file is empty",
        "  lung/film02.png: the file is truncated",
        "  bone: every mask covers its whole film; black is expected where the concept is not",
    ]


def test_a_folder_whose_masks_have_other_names_is_refused_with_the_nearest(masked: Masked) -> None:
    masked.add("lung", "film03_mask.png")
    masked.add("bone", "film00.png")
    masked.add("empty", "film00.txt", b"")
    with pytest.raises(DataError) as error:
        masked.digest()
    assert str(error.value).splitlines() == [
        f"{masked.parts} (setting `parts`): 2 problems with the part masks:",
        "  empty: holds no masks (.png, .tif, .tiff, .bmp, .gif); remove the folder or fill it",
        "  lung: none of its 1 masks has the name of a film; there is film03_mask.png, "
        "but for the film film03.png it has to be film03.png",
    ]


def test_some_masks_without_a_film_are_counted(masked: Masked) -> None:
    masked.add("lung", "film00.png")
    masked.add("lung", "film99.png")
    assert masked.prepare().facts["parts"]["masks_without_film"] == 1


def test_names_that_could_mean_several_things_are_refused(masked: Masked) -> None:
    masked.films.add("film00.tif", label="a")
    for name in ("film00.png", "film01.png", "film01.tif"):
        masked.add("lung", name)
    masked.add("lung", "film02.jpg", b"")
    with pytest.raises(DataError) as error:
        masked.prepare()
    rows = str(error.value).splitlines()[1:]
    assert rows == [
        "  lung/film01.tif: there is another mask of this name",
        "  lung/film02.jpg: lossy compression blurs the edges of a mask; a PNG is expected",
        "  lung/film00.png: could be of any of the films film00.png, film00.tif",
    ]


def test_folders_that_are_no_folders_of_concepts_are_refused(masked: Masked) -> None:
    with pytest.raises(DataError, match=r"masks \(setting `parts`\) is not a folder; a folder per concept is expected"):
        masked.digest()
    masked.parts.mkdir()
    (masked.parts / "film00.png").touch()
    with pytest.raises(DataError, match=r"holds 0 folders, 1 to 255 can be"):
        masked.digest()


def test_films_in_folders_have_masks_in_folders(masked: Masked) -> None:
    for row in masked.films.rows:
        source = masked.folder / "images" / row["image"]
        row["image"] = f"{row['label']}/{row['image']}"
        (masked.folder / "images" / row["label"]).mkdir(exist_ok=True)
        shutil.move(source, masked.folder / "images" / row["image"])
    masked.add("lung", "a/film00.png")
    masked.add("lung", "film01.png")
    dataset = masked.prepare()
    assert masked.label_map(dataset, "a/film00.png").any()
    assert dataset.facts["parts"]["masks_without_film"] == 1


def test_the_digest_sees_masks_and_nothing_else_that_lies_there(masked: Masked) -> None:
    without = data.digest(masked.settings(parts=None), root=masked.folder)
    masked.add("lung", "film00.png")
    digests = [without, masked.digest()]
    masked.add("lung", "film00.png", box=(0, 0, 31, 20))
    digests.append(masked.digest())
    masked.add("lung", "film01.png")
    digests.append(masked.digest())
    shutil.move(masked.parts / "lung", masked.parts / "bone")
    digests.append(masked.digest())
    assert len(set(digests)) == 5
    masked.add("bone", "film99.png")
    masked.add("bone", "notes.txt", b"")
    (masked.parts / ".cache").mkdir()
    assert masked.digest() == digests[-1]
    assert data.digest(masked.settings(parts=None), root=masked.folder) == without


def test_a_protocol_whose_folder_of_masks_is_missing_has_a_problem_with_its_line(masked: Masked) -> None:
    path = masked.folder / "mini.yaml"
    path.write_text(
        "study: mini\nquestion: Which parts?\n"
        "data:\n  films:\n    format: csv\n    manifest: manifest.csv\n    parts: mask\n"
        "target: films\nimage_size: 64\nmodels: [vit_phantom]\n"
        "arms: {one: [finetune], two: [finetune: {epochs: 3}]}\nreference: one\nseeds: 2\n"
        "explain: [gradcam]\nmeasure: [complexity]\n"
        "analysis: {primary: {attribution: gradcam, metric: complexity}}\n",
        encoding="utf8",
    )
    with pytest.raises(ProtocolError) as error:
        read(path)
    assert [(p.line, p.where) for p in error.value.problems] == [(7, "data.films.parts")]
    assert error.value.problems[0].message.startswith("'mask' does not exist")
