"""What the perturbation engine costs beyond its forward passes, and what separate runs would cost.

    python tests/benchmarks/perturbation.py [--images 4] [--steps 32] [--repeats 3] [--threads 1] [--clock wall|cpu]
    python tests/benchmarks/perturbation.py --road [--size 224] [--repeats 3] [--threads 1] [--clock wall|cpu]

Three ways to the same four areas (insertion and deletion, MoRF and LeRF, one baseline), for each network:

engine     `study.measure.perturb` and the four metrics.
forwards   the engine's number of images through the network in equally large batches, and nothing else.
separate   the published procedure, one run per curve: n + 1 images each, all films one step further at a time.

Repeats are interleaved and the fastest of each is taken, so that other work on the machine does not decide;
where it is busy all the time, --clock cpu with one thread counts only what this program did.
The program fails where the engine takes more than 1.15 times its forward passes or more than half of the
images of separate runs, or where the areas differ.

With --road: the imputation of ROAD next to that of pytorch-grad-cam (without noise), fractions 10 % to 90 % of both
orders of maps of several kinds on a film of three channels. Fails below ten times its speed, or where the
images differ by more than 1e-4.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import timm
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from torch import Tensor, nn
from torch.nn.functional import interpolate

from study.measure import perturb, score
from study.measure.imputation import impute
from study.measure.orders import ranks, road_counts
from study.measure.stream import portions
from study.records import ExplainedBatch

METRICS = ("insertion", "insertion_lerf", "deletion", "deletion_lerf")
MOST_OVERHEAD, MOST_SHARE = 1.15, 0.5
LEAST_FASTER, MOST_APART = 10.0, 1e-4
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass
class Case:
    """A network, the size of its images, and how many of them it has seen."""

    name: str
    size: int
    in_chans: int
    module: nn.Module
    seen: int = field(default=0)

    def predict(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        with torch.inference_mode():
            return self.module(images).softmax(dim=1)


def cases(size: int) -> list[Case]:
    small = {"img_size": 64, "patch_size": 8, "embed_dim": 128, "depth": 6, "num_heads": 4}
    return [
        _case("vit 128 x 6, patch 8", 64, 1, timm.models.VisionTransformer(in_chans=1, num_classes=2, **small)),
        _case("vit_small_patch16", size, 3, timm.create_model("vit_small_patch16_224", img_size=size, num_classes=2)),
        _case("resnet18", size, 3, timm.create_model("resnet18", num_classes=2)),
    ]


def _case(name: str, size: int, in_chans: int, module: nn.Module) -> Case:
    return Case(name, size, in_chans, module.eval().requires_grad_(False).to(memory_format=torch.channels_last))


def explained(case: Case, count: int) -> ExplainedBatch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, case.in_chans, case.size, case.size, generator=generator)
    return ExplainedBatch(
        images=images,
        targets=torch.zeros(count, dtype=torch.int64),
        attributions=torch.rand(count, case.size, case.size, generator=generator),
        boxes=(torch.zeros(0, 4, dtype=torch.int64),) * count,
        predict=case.predict,
        explain=lambda images, targets: images.mean(dim=1),
    )


def engine(batch: ExplainedBatch, steps: int) -> Tensor:
    batch = replace(batch, curves=(perturb(batch, baseline="zero", steps=steps),))
    return torch.stack([score(name, batch, {"steps": steps}).values for name in METRICS])


def forwards(batch: ExplainedBatch, steps: int) -> None:
    todo = 2 * steps * len(batch.images)
    rows = portions(batch.images, baseline="zero", rows=todo).rows
    ready = batch.images.repeat(-(-rows // len(batch.images)), 1, 1, 1)[:rows]
    for start in range(0, todo, rows):
        batch.predict(ready[: min(rows, todo - start)])


def separate(batch: ExplainedBatch, steps: int) -> Tensor:
    flat = batch.attributions.flatten(1)
    size = -(-flat.shape[1] // steps)
    areas = []
    for insert, descending in ((True, True), (True, False), (False, True), (False, False)):
        order = flat.argsort(dim=1, descending=descending, stable=True)
        blank = torch.zeros_like(batch.images)
        start, finish = (blank, batch.images) if insert else (batch.images, blank)
        current, end = start.flatten(2).clone(), finish.flatten(2)
        curve = [batch.predict(current.view_as(batch.images))[:, 0].double()]
        for step in range(steps):
            pixels = order[:, None, step * size : (step + 1) * size].expand(-1, current.shape[1], -1)
            current.scatter_(2, pixels, end.gather(2, pixels))
            curve.append(batch.predict(current.view_as(batch.images))[:, 0].double())
        areas.append(torch.trapezoid(torch.stack(curve), dim=0) / steps)
    return torch.stack(areas)


def measured(case: Case, chosen: argparse.Namespace) -> list[object]:
    batch, steps = explained(case, chosen.images), chosen.steps
    clock = CLOCKS[chosen.clock]
    ways: dict[str, Callable[[ExplainedBatch, int], Tensor | None]] = {
        "engine": engine,
        "forwards": forwards,
        "separate": separate,
    }
    case.predict(batch.images)
    seconds: dict[str, float] = dict.fromkeys(ways, float("inf"))
    seen: dict[str, int] = {}
    areas: dict[str, Tensor | None] = {}
    for _ in range(chosen.repeats):
        for name, way in ways.items():
            case.seen, start = 0, clock()
            areas[name] = way(batch, steps)
            seconds[name] = min(seconds[name], clock() - start)
            seen[name] = case.seen
    torch.testing.assert_close(areas["engine"], areas["separate"], atol=1e-5, rtol=0)
    overhead = seconds["engine"] / seconds["forwards"]
    share, faster = seen["engine"] / seen["separate"], seconds["separate"] / seconds["engine"]
    held = overhead <= MOST_OVERHEAD and share <= MOST_SHARE
    return [
        f"{case.name}, {case.in_chans} x {case.size} x {case.size}",
        seen["engine"],
        seen["separate"],
        f"{share:.3f}",
        *(f"{seconds[name]:.2f}" for name in ("forwards", "engine", "separate")),
        f"{overhead:.3f}",
        f"{faster:.2f}",
        "yes" if held else "NO",
    ]


def road_maps(size: int) -> dict[str, Tensor]:
    """Noise, a coarse CAM, one with its lower half cut, noise under an envelope, blocks of a ViT, one blob: [H, W]."""
    generator = torch.Generator().manual_seed(0)

    def coarse(cells: int, mode: str = "bicubic") -> Tensor:
        return interpolate(torch.rand(1, 1, cells, cells, generator=generator), size=(size, size), mode=mode)[0, 0]

    across = torch.linspace(-1, 1, size)
    return {
        "noise": torch.rand(size, size, generator=generator),
        "cam": coarse(7),
        "cut cam": (coarse(7) - 0.5).clamp(min=0),
        "gradient": torch.randn(size, size, generator=generator).abs() * coarse(14).abs(),
        "patches": coarse(14, "nearest"),
        "blob": torch.exp(-2 * (across[:, None] ** 2 + (across - 0.2) ** 2)),
    }


def road(kind: str, heat: Tensor, film: Tensor, chosen: argparse.Namespace) -> list[object]:
    clock, peer = CLOCKS[chosen.clock], NoisyLinearImputer(noise=0)
    counts = road_counts(heat.numel(), steps=10)[1:]
    missing = (ranks(heat[None])[:, 0, None] < counts[:, None, None]).flatten(0, 1)
    images = film.expand(len(missing), -1, -1, -1)
    seconds = {"ours": float("inf"), "peer": float("inf")}
    with torch.inference_mode():
        for _ in range(chosen.repeats):
            start = clock()
            ours = impute(images, missing)
            seconds["ours"] = min(seconds["ours"], clock() - start)
            start = clock()
            theirs = torch.stack([peer(film[0], (~hole).float()) for hole in missing])
            seconds["peer"] = min(seconds["peer"], clock() - start)
    apart, faster = (ours - theirs).abs().max().item(), seconds["peer"] / seconds["ours"]
    held = faster >= LEAST_FASTER and apart <= MOST_APART
    each = [f"{1000 * seconds[name] / len(missing):.1f}" for name in ("ours", "peer")]
    return [kind, len(missing), *each, f"{faster:.1f}", f"{apart:.0e}", "yes" if held else "NO"]


def road_table(chosen: argparse.Namespace) -> list[list[str]]:
    generator = torch.Generator().manual_seed(1)
    smooth = interpolate(
        torch.randn(1, 3, 28, 28, generator=generator), size=(chosen.size, chosen.size), mode="bicubic"
    )
    film = smooth + 0.2 * torch.randn(smooth.shape, generator=generator)
    rows = [road(kind, heat, film, chosen) for kind, heat in road_maps(chosen.size).items()]
    head = ["map", "images", "ms each: ours", "pytorch-grad-cam", "faster", "apart", "held"]
    return [head, *([str(cell) for cell in row] for row in rows)]


def curve_table(chosen: argparse.Namespace) -> list[list[str]]:
    head = ["network", "images: engine", "separate", "share", "s: forwards", "engine", "separate"]
    rows = [[*head, "engine / forwards", "separate / engine", "held"]]
    return rows + [[str(cell) for cell in measured(case, chosen)] for case in cases(chosen.size)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in {"images": 4, "steps": 32, "repeats": 3, "threads": 1, "size": 112}.items():
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--road", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = road_table(chosen) if chosen.road else curve_table(chosen)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    return int(any(row[-1] == "NO" for row in rows[1:]))


if __name__ == "__main__":
    sys.exit(main())
