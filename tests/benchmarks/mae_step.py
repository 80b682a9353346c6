"""One training step of the ViT masked autoencoder, ours beside the published one written plainly.

    python tests/benchmarks/mae_step.py [--batch 16] [--depth 2] [--repeats 5] [--threads 1] [--clock wall|cpu]

ViT-S/16 at 224 px, three quarters hidden, decoder 512 wide with 2 blocks as in medical_mae (--depth 8: as in MAE),
one channel, normalised pixels; forward, backward and AdamW, each side with the optimiser that it uses. Both start
from equal weights and see equal images and masks, and the program fails where their losses differ by more than 1e-5.
Repeats are interleaved and the fastest of each is taken; peak memory is that of a process which does nothing else.
Fails below 1.2 times the speed, or where ours needs more memory.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import timm
import torch
from published_mae import PublishedMae
from torch import Tensor

from study.train.checkpoint import named
from study.train.fitting import decoder_of, fit_trunk
from study.train.loop import parameter_groups
from study.train.mae_target import patchify, pick, reconstruction_error
from study.train.mae_vit import VitAutoencoder
from study.train.masking import Masks
from study.train.weights import DECODER

SIZE, PATCH, WIDTH, RATIO = 224, 16, 512, 0.75
LEVEL = 1e-3  # below this a patch is flat; its square is the published 1e-6
LEAST_FASTER, MOST_APART = 1.2, 1e-5
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}

Step = Callable[[], float]


def published(depth: int) -> PublishedMae:
    torch.manual_seed(0)
    form = {"size": SIZE, "patch": PATCH, "in_chans": 1, "width": 384, "depth": 12, "heads": 6}
    return PublishedMae(**form, decoder=(WIDTH, depth, 16))


def ours(depth: int) -> VitAutoencoder:
    trunk = timm.create_model("vit_small_patch16_224", in_chans=1, num_classes=0)
    trunk.pos_embed.requires_grad_(False)
    return VitAutoencoder(trunk, width=WIDTH, depth=depth, name="vit_small_patch16_224")


def give_published_weights(module: VitAutoencoder, depth: int) -> None:
    """Through the reader of published checkpoints."""
    checkpoint = named(published(depth).state_dict(), layout="mae", source="the published one", stripped=[])
    fit_trunk(checkpoint, module.trunk)
    decoder = {name.removeprefix(DECODER): value for name, value in decoder_of(checkpoint, module.trunk).items()}
    module.decoder.load_state_dict(decoder)


def step_of(side: str, *, batch: int, depth: int, alike: bool) -> Step:
    """A step of one side; `alike` gives ours the weights of the other, for which both must be built."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, 1, SIZE, SIZE, generator=generator)
    noise = torch.rand(batch, (SIZE // PATCH) ** 2, generator=generator)
    if side == "published":
        plain = published(depth)
        optimiser = torch.optim.AdamW(parameter_groups(plain, weight_decay=0.05), lr=1e-4, betas=(0.9, 0.95))
        return lambda: _stepped(optimiser, plain(images, noise, ratio=RATIO, norm_pix=True)[0])
    module = ours(depth)
    if alike:
        give_published_weights(module, depth)
    groups = parameter_groups(module, weight_decay=0.05)
    fused = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.95), fused=True)
    return lambda: _stepped(fused, _loss(module, images, masks_of(noise)))


def masks_of(noise: Tensor) -> Masks:
    order = noise.argsort(dim=1)
    visible = round(noise.shape[1] * (1 - RATIO))
    masked = torch.ones_like(noise, dtype=torch.bool).scatter_(1, order[:, :visible], False)
    return Masks(masked, order[:, :visible], order[:, visible:], order.argsort(dim=1))


def _loss(module: VitAutoencoder, images: Tensor, masks: Masks) -> Tensor:
    prediction, ids = module(images, masks)
    return reconstruction_error(prediction, pick(patchify(images, PATCH), ids), "norm_pixel", level=LEVEL).loss


def _stepped(optimiser: torch.optim.Optimizer, loss: Tensor) -> float:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def peak_mb(side: str, arguments: argparse.Namespace) -> float:
    """Peak resident memory of a process that does three steps of one side."""
    command = [sys.executable, __file__, "--batch", str(arguments.batch), "--depth", str(arguments.depth)]
    done = subprocess.run([*command, "--only", side], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def only(side: str, arguments: argparse.Namespace) -> None:
    step = step_of(side, batch=arguments.batch, depth=arguments.depth, alike=False)
    for _ in range(3):
        step()
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(line.split()[1]) / 1024)  # ru_maxrss would count what the parent process had


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--only", choices=("ours", "published"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.only:
        only(arguments.only, arguments)
        return 0
    form = {"batch": arguments.batch, "depth": arguments.depth}
    steps = {side: step_of(side, **form, alike=True) for side in ("ours", "published")}
    losses = {side: [step() for _ in range(2)] for side, step in steps.items()}
    apart = max(abs(a - b) for a, b in zip(*losses.values(), strict=True))
    clock, best = CLOCKS[arguments.clock], dict.fromkeys(steps, float("inf"))
    for _ in range(arguments.repeats):
        for side, step in steps.items():
            began = clock()
            step()
            best[side] = min(best[side], clock() - began)
    peaks = {side: peak_mb(side, arguments) for side in steps}
    faster, less = best["published"] / best["ours"], peaks["published"] / peaks["ours"]
    print(f"MAE step, ViT-S/16 at {SIZE} px, batch {arguments.batch}, decoder {WIDTH} x {arguments.depth}")
    for side in steps:
        print(f"  {side:<10} {best[side]:7.3f} s  {arguments.batch / best[side]:6.1f} images/s  {peaks[side]:6.0f} MB")
    print(f"  ours is {faster:.2f} x as fast, needs 1/{less:.2f} of the memory; losses differ by {apart:.1e}")
    return int(faster < LEAST_FASTER or less < 1 or apart > MOST_APART)


if __name__ == "__main__":
    sys.exit(main())
