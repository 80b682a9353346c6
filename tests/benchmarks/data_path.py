"""How fast films come: decoded from their files, and read from the cached array, side by side.

    python tests/benchmarks/data_path.py [--films 48] [--side 2048] [--image-size 224]

Films are written as PNG and JPEG of a radiograph's size. Decoding is what `study.data` does for each film (read, decode,
resize into the square), on one thread and on its own threads; the cached array, repeated to the size of a real one,
is read in the random order and the batches of an epoch, into fresh memory (its pages are in memory, as from
the second epoch on). The cache must feed at least 10 x faster than decoding on all threads.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from study import data
from study.data.artifact import new_array
from study.data.decode import decode, quiet
from study.data.fingerprint import THREADS
from study.data.resize import place
from study.protocol.data import ImagefolderSettings

BATCH, LEAST, CACHED = 32, 10.0, 4096


def write_films(folder: Path, count: int, side: int) -> list[Path]:
    """Smooth films with grain, half PNG and half JPEG, in two classes."""
    paths = []
    for k in range(count):
        generator = np.random.default_rng(k)
        coarse = Image.fromarray(generator.integers(0, 200, (24, 20)).astype(np.uint8))
        smooth = np.asarray(coarse.resize((side * 5 // 6, side), Image.Resampling.BICUBIC), dtype=np.int16)
        film = np.clip(smooth + generator.integers(-6, 7, smooth.shape), 0, 255).astype(np.uint8)
        path = folder / "ab"[k % 2] / f"{k:03d}.{('png', 'jpg')[k // 2 % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(film).save(path)
        paths.append(path)
    return paths


def decoded(path: Path, size: int) -> np.ndarray:
    film = decode(path.read_bytes())
    return place(*film.image.size, size=size, rule="letterbox").film(film.image).astype(np.uint8)


def per_second(work: Callable[[], int], *, least_seconds: float) -> float:
    """Films per second of the fastest of at least three rounds."""
    best, spent, rounds = 0.0, 0.0, 0
    while spent < least_seconds or rounds < 3:
        start = time.perf_counter()
        films = work()
        seconds = time.perf_counter() - start
        best, spent, rounds = max(best, films / seconds), spent + seconds, rounds + 1
    return best


def repeated(images: np.ndarray, path: Path) -> np.ndarray:
    """The films over and over in one memory-mapped file, read-only."""
    stored = new_array(path, shape=(CACHED, *images.shape[1:]), dtype=images.dtype)
    for start in range(0, CACHED, len(images)):
        stored[start : start + len(images)] = images[: CACHED - start]
    stored.flush()
    return np.load(path, mmap_mode="r")


def epoch(images: np.ndarray, generator: np.random.Generator) -> int:
    """Batches of films in random order, copied out of the memory-mapped file."""
    order = generator.permutation(len(images))
    return sum(len(images[order[start : start + BATCH]]) for start in range(0, len(order), BATCH))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--films", type=int, default=48)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--image-size", type=int, default=224)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths = write_films(root / "films", chosen.films, chosen.side)
        (root / "out").mkdir()
        settings = ImagefolderSettings(folder="films").model_dump(mode="json")
        data.prepare("films", settings, image_size=chosen.image_size, root=root, out=root / "out")
        images = repeated(data.load(root / "out").images, root / "many.npy")
        generator = np.random.default_rng(0)
        with quiet(), ThreadPoolExecutor(THREADS) as pool:
            one = per_second(lambda: len([decoded(path, chosen.image_size) for path in paths]), least_seconds=1)
            several = per_second(
                lambda: len(list(pool.map(decoded, paths, [chosen.image_size] * len(paths)))), least_seconds=1
            )
        cached = per_second(lambda: epoch(images, generator), least_seconds=1)
    factor = cached / several
    print(f"films of {chosen.side * 5 // 6} x {chosen.side} px into {chosen.image_size} px, per second:")
    print(f"  decoding, 1 thread        {one:10.1f}")
    print(f"  decoding, {THREADS} threads       {several:10.1f}")
    print(f"  cached array              {cached:10.1f}   {factor:.0f} x faster (at least {LEAST:.0f} x is asked)")
    if factor < LEAST:
        sys.exit(f"the cached array is only {factor:.1f} x faster than decoding")


if __name__ == "__main__":
    main()
