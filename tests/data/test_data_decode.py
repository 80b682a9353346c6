"""Files of every kind, and broken ones, made by hand."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from study.data.decode import Decoded, Unreadable, decode, depth, is_deep


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(height: int = 40, width: int = 60) -> np.ndarray:
    return np.tile(np.linspace(10, 240, width).astype(np.uint8), (height, 1))


def noisy(height: int = 256, width: int = 256) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 100, (height, width))
    return Image.fromarray(noise.astype(np.uint8))


def values(film: Decoded) -> np.ndarray:
    return np.asarray(film.image)


def test_grey_films_keep_their_values() -> None:
    film = decode(encoded(Image.fromarray(ramp())))
    assert film.image.mode == "L"
    assert film.peak is None
    assert film.note == ""
    assert np.array_equal(values(film), ramp())


def test_colour_becomes_luminance() -> None:
    red, green, blue = (
        decode(encoded(Image.new("RGB", (4, 4), c))).image.getpixel((0, 0))
        for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    )
    assert (red, green, blue) == (76, 150, 29)  # 0.299, 0.587, 0.114


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_films_saved_in_colour_are_the_same_film(mode: str) -> None:
    assert np.array_equal(values(decode(encoded(Image.fromarray(ramp()).convert(mode)))), ramp())


def test_a_palette_with_transparency_is_read_without_it() -> None:
    image = Image.fromarray(ramp()).convert("P")
    film = decode(encoded(image, transparency=bytes([0] * 128 + [255] * 128)))
    assert np.array_equal(values(film), ramp())


def test_cmyk_is_turned_to_grey() -> None:
    image = Image.fromarray(ramp()).convert("RGB").convert("CMYK")
    for kind in ("JPEG", "TIFF"):
        assert np.abs(values(decode(encoded(image, kind))).astype(int) - ramp()).max() <= 3


def test_one_bit_films_are_black_and_white() -> None:
    image = Image.fromarray(np.eye(8, dtype=bool))
    assert np.array_equal(values(decode(encoded(image))), np.eye(8) * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_films_keep_every_value(kind: str) -> None:
    raw = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)
    film = decode(encoded(Image.fromarray(raw), kind))
    assert film.image.mode == "F"
    assert film.peak == 4095
    assert np.array_equal(values(film), raw)


def test_big_endian_films_are_read_right() -> None:
    raw = np.array([[1, 256], [4095, 70]], dtype=np.uint16)
    header = struct.pack(">2sHI", b"MM", 42, 8)
    tags = [(256, 2), (257, 2), (258, 16), (259, 1), (262, 1), (273, 8 + 2 + 12 * 8 + 4), (278, 2), (279, 8)]
    entries = b"".join(
        struct.pack(">HHIHH" if tag != 273 else ">HHII", tag, 3 if tag != 273 else 4, 1, value, *([0] * (tag != 273)))
        for tag, value in tags
    )
    content = header + struct.pack(">H", len(tags)) + entries + struct.pack(">I", 0) + raw.astype(">u2").tobytes()
    assert np.array_equal(values(decode(content)), raw)


def test_float_films_between_zero_and_one_are_known_as_such() -> None:
    film = decode(encoded(Image.fromarray(np.array([[0.0, 0.5], [1.0, 0.25]], dtype=np.float32)), "TIFF"))
    assert film.unit
    assert film.peak is None
    counts = decode(encoded(Image.fromarray(np.array([[0.0, 900.0]], dtype=np.float32)), "TIFF"))
    assert not counts.unit
    assert counts.peak == 900


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        ([[np.nan, 1.0]], "holds values that are not finite numbers"),
        ([[-1000.0, 1.0]], "holds values from -1000 to 1; 0 to 65535 is expected"),
        ([[0.0, 70000.0]], "holds values from 0 to 70000; 0 to 65535 is expected"),
    ],
)
def test_values_without_a_scale_are_refused(pixels: list[list[float]], reason: str) -> None:
    content = encoded(Image.fromarray(np.array(pixels, dtype=np.float32)), "TIFF")
    with pytest.raises(Unreadable) as error:
        decode(content)
    assert str(error.value) == reason


def test_a_film_is_turned_upright_by_its_exif_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    film = decode(encoded(Image.fromarray(ramp(40, 60)), "JPEG", quality=100, exif=exif))
    assert film.image.size == (40, 60)
    assert np.abs(values(film).astype(int) - np.rot90(ramp(40, 60), -1)).max() <= 3


def test_of_several_pages_the_first_is_used_and_noted() -> None:
    pages = [Image.new("L", (8, 8), grey) for grey in (50, 200, 250)]
    film = decode(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert values(film).max() == 50
    assert film.note == "the first of 3 pages"


def test_a_jpeg_without_its_last_bytes_is_used_and_noted() -> None:
    whole = encoded(noisy(), "JPEG", quality=90)
    film = decode(whole[: int(len(whole) * 0.98)])
    assert film.note == "a truncated JPEG, 97 % of its rows decoded"
    assert np.array_equal(values(film)[:240], values(decode(whole))[:240])


def test_a_jpeg_of_which_more_is_missing_is_refused() -> None:
    whole = encoded(noisy(), "JPEG", quality=90)
    with pytest.raises(Unreadable, match=r"^the file is truncated \(\d\d % of its rows decoded\)$"):
        decode(whole[: int(len(whole) * 0.7)])


def test_a_jpeg_that_only_lost_its_end_marker_is_whole() -> None:
    whole = encoded(noisy(), "JPEG", quality=90)
    assert whole.endswith(b"\xff\xd9")
    assert np.array_equal(values(decode(whole[:-2])), values(decode(whole)))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {"progressive": True}), ("TIFF", {}), ("BMP", {})])
def test_other_truncated_files_are_refused(kind: str, options: dict[str, Any]) -> None:
    whole = encoded(noisy(), kind, **options)
    with pytest.raises(Unreadable, match=r"truncated|cannot be decoded|not an image"):
        decode(whole[: int(len(whole) * 0.98)])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"image,label\na.png,normal\n", "not an image of a known kind"),
        (b"\x89PNG\r\n\x1a\n", "truncated|not an image|cannot be decoded"),
        (b"\xff\xd8\xff\xe0", "truncated|not an image|cannot be decoded"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(content)


def test_a_png_with_damaged_bytes_is_refused() -> None:
    content = bytearray(encoded(noisy()))
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    with pytest.raises(Unreadable, match=r"cannot be decoded|truncated"):
        decode(bytes(content))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)
    with pytest.raises(Unreadable, match=r"^more than 4 million pixels$"):
        decode(encoded(Image.new("1", (3000, 3000))))


def test_the_bit_depth_is_the_least_that_holds_every_value() -> None:
    assert [depth([peak]) for peak in (255, 256, 1023, 4095, 4096, 16383, 65535)] == [8, 10, 10, 12, 14, 14, 16]
    assert depth([100, 4095, 900]) == 12


def test_depth_is_seen_in_the_header(tmp_path: Path) -> None:
    (tmp_path / "deep.png").write_bytes(encoded(Image.fromarray(np.zeros((4, 4), dtype=np.uint16))))
    (tmp_path / "flat.png").write_bytes(encoded(Image.new("L", (4, 4))))
    (tmp_path / "text.png").write_text("no image")
    names = ("deep.png", "flat.png", "text.png", "absent.png")
    assert [is_deep(tmp_path / name) for name in names] == [True, False, False, False]
