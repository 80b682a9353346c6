"""Orders of tiles that are as different from each other as can be."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=8)
def distant_permutations(length: int, count: int) -> NDArray[np.int64]:
    """`count` permutations of `length` things, the first one their own order.

    Each next one has the largest smallest Hamming distance to those before it; ties are broken by the largest mean
    distance, then by lexicographic order. (The published script maximises the mean alone, which admits permutations
    that differ in two places.)

    Returns:
        [count, length] int64, read-only; all of them in lexicographic order where `count` is all.

    Reference: Noroozi and Favaro, ECCV 2016, arXiv:1603.09246, Algorithm 1.
    """
    every = np.array(list(permutations(range(length))), dtype=np.int8)
    if count > len(every):
        raise ValueError(f"{length} things have {len(every)} orders, not {count}")
    chosen = list(range(len(every))) if count == len(every) else _greedy(every, count)
    found = every[chosen].astype(np.int64)
    found.flags.writeable = False
    return found


def fingerprint(orders: NDArray[np.int64]) -> str:
    """The first 12 hex digits of the sha256 of a set of permutations."""
    return hashlib.sha256(orders.astype(np.int8).tobytes()).hexdigest()[:12]


def _greedy(every: NDArray[np.int8], count: int) -> list[int]:
    chosen = [0]
    least = np.full(len(every), every.shape[1], dtype=np.int64)
    total = np.zeros(len(every), dtype=np.int64)
    columns = np.ascontiguousarray(every.T)
    for _ in range(count - 1):
        newest = every[chosen[-1]]
        distance = sum((column != value).astype(np.int8) for column, value in zip(columns, newest, strict=True))
        least = np.minimum(least, distance)
        total += distance
        chosen.append(int(np.argmax(least * (count * every.shape[1] + 1) + total)))  # argmax takes the first of ties
    return chosen
