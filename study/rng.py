"""Every random number of a study comes from here.

A generator is named by words (`"mae", seed, "order", epoch`), never by position in a
program, so that adding a draw somewhere does not move the draws elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_of(*words: str | int) -> int:
    """A 63-bit seed named by `words`; equal words give equal seeds on every machine."""
    text = "\x1f".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(*words: str | int) -> np.random.Generator:
    """A NumPy generator (Philox, so equal on every platform) named by `words`."""
    return np.random.Generator(np.random.Philox(key=seed_of(*words)))


def torch_generator(*words: str | int) -> torch.Generator:
    """A CPU torch generator named by `words`; draw on the CPU, then move to the device."""
    import torch

    return torch.Generator(device="cpu").manual_seed(seed_of(*words))
