"""Our metrics and methods beside those of other packages: seconds and forwards per image, in one run.

    python tests/benchmarks/peers.py [--images 4] [--repeats 3] [--threads 2] [--rows road,infidelity] [--out FILE]

Networks are resnet18 and vit_small_patch16 at 224 pixels with one channel; weights and films are drawn. All packages
get the same network, films and maps; the ways to a result take turns and the fastest of each counts. Where the
definitions agree the results are compared. `--clock cpu` with one thread counts only what this program did, for
machines that are busy with other work.

The program fails where one of these does not hold:

- insertion + deletion take at most half of the forwards of every peer, and at most 1.05 times the time of theirs;
- ROAD is at least 10 times as fast as that of pytorch-grad-cam, with an equal result: with a network that costs
  nothing, and with others unless their forwards are what our time goes into (more than four fifths of it);
- no peer is faster in a row that both have (by more than 5 %, which is what repeats differ by);
- results are equal wherever they are compared.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from peer_attributions import TITLES, cam, integrated_gradients, smoothgrad
from peer_cases import NO_NETWORK, Case, cases
from peer_masking import CHEAP, infidelity, maps_only, masking, max_sensitivity
from peer_perturbation import insertion_deletion, road, tiles
from peer_table import CLOCKS, Line, Row, broken, machine, measured, table

MAPS = 32
"""Films of the rows that read maps only."""

Make = Callable[[Case, int, int], Row]
WORK: dict[str, Make] = {
    "insertion_deletion": insertion_deletion,
    "road": road,
    "tiles": tiles,
    "masking": masking,
    "infidelity": infidelity,
    "max_sensitivity": max_sensitivity,
    **{name: partial(lambda name, case, images, peers: cam(case, name, images, peers), name) for name in TITLES},
    "integrated_gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
}
SLOW = {"insertion_deletion": 2, "road": 1, "scorecam": 1, "integrated_gradients": 2, "smoothgrad": 2, "tiles": 2}
"""Most films that peers, and where both are alike in cost we too, are given."""

BOTH = ("scorecam", "integrated_gradients", "smoothgrad", "tiles")
CNN_ONLY = ("scorecam", "smooth_gradcampp")


def rows(case: Case, chosen: argparse.Namespace) -> Iterator[Row]:
    """The rows that are asked for, each made just before it is run."""
    for name, make in WORK.items():
        if not _wanted(name, chosen) or not _fits(name, case):
            continue
        peers = min(chosen.images, SLOW.get(name, chosen.images))
        yield make(case, peers if name in BOTH else chosen.images, peers)
    for name in CHEAP:
        if _wanted(name, chosen) and case.name == NO_NETWORK:
            yield maps_only(case, name, MAPS)


def _fits(name: str, case: Case) -> bool:
    if case.name == NO_NETWORK:
        return name == "road"
    return name not in CNN_ONLY or case.classifier.family == "cnn"


def _wanted(name: str, chosen: argparse.Namespace) -> bool:
    return not chosen.rows or name in chosen.rows.split(",")


def pure(case: Case, clock: str, repeats: int) -> float:
    """Seconds per image of nothing but forward passes, in batches as our metrics make them."""
    ready = case.images[:20]
    fastest = float("inf")
    for _ in range(repeats):
        start = CLOCKS[clock]()
        case.predict(ready)
        fastest = min(fastest, (CLOCKS[clock]() - start) / len(ready))
    return fastest


def compared(case: Case, chosen: argparse.Namespace) -> Iterator[list[Line]]:
    """Lines of each row, with their ratio to forwards that are timed before and after it."""
    case.predict(case.images[:MAPS])
    before = pure(case, chosen.clock, 2)
    for row in rows(case, chosen):
        lines = measured(case, row, repeats=chosen.repeats, clock=chosen.clock)
        if any(line.forwards for line in lines):
            before = min(before, pure(case, chosen.clock, 1))
        for line in lines if case.name != NO_NETWORK else ():
            line.ratio = line.seconds / (line.forwards * before)
        sys.stderr.write(table(lines).split("\n", 2)[2])
        yield lines


def main() -> int:
    warnings.simplefilter("ignore")  # Quantus and captum warn of their own workings
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4, help="films of our way; peers that are slow get fewer")
    parser.add_argument("--repeats", type=int, default=3, help="fewer of rows that take long, more of short ones")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rows", default="", help=f"of {', '.join((*WORK, *CHEAP))}; all unless told")
    parser.add_argument("--networks", default=f"resnet18,vit_small_patch16_224,{NO_NETWORK}")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--out", type=Path, help="markdown file for the table")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    found = [
        lines
        for case in cases(max(chosen.images, MAPS))
        if case.name in chosen.networks.split(",")
        for lines in compared(case, chosen)
    ]
    promises = [text for lines in found for text in broken(lines)]
    text = page(found, promises, machine(chosen.threads, chosen.clock))
    sys.stdout.write(text)
    if chosen.out is not None:
        chosen.out.write_text(text, encoding="utf8")
    return int(bool(promises))


def page(found: list[list[Line]], promises: list[str], where: str) -> str:
    """The table with what it says and on what machine."""
    held = "All promises held." if not promises else "Broken:\n\n" + "".join(f"- {text}\n" for text in promises)
    return f"""# Beside other packages

{where}

Networks take 224 x 224 pixels and one channel, the only layout in which Quantus removes pixels and its ROAD runs; their
weights and the films are drawn. Seconds are the fastest of a few repeats in turns. "Pure forwards" is the time of as many
images through the network and nothing else; methods that need gradients go through it twice. Made by `make bench`.

{table([line for lines in found for line in lines])}
{held.strip()}
"""


if __name__ == "__main__":
    sys.exit(main())
