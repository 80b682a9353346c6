"""Films of a dataset -> normalised tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from study.errors import DataError
from study.records import Dataset


def to_tensor(images: NDArray[Any], *, mean: float, std: float, in_chans: int) -> Tensor:
    """Normalised images: (value / highest value of the type - mean) / std.

    Args:
        images: [B, H, W] uint8 or uint16.
        mean: on the scale [0, 1].
        std: on the scale [0, 1], > 0.
        in_chans: channels; the grey image is repeated.

    Returns:
        [B, in_chans, H, W] float32.

    Raises:
        DataError: another type of number.
    """
    if images.dtype not in (np.uint8, np.uint16):
        raise DataError(f"films must be stored as uint8 or uint16; these are {images.dtype}")
    grey = (torch.from_numpy(images.astype(np.float32)) / (np.iinfo(images.dtype).max * std)) - mean / std
    return grey[:, None].expand(-1, in_chans, -1, -1).contiguous()


@dataclass(frozen=True)
class Films:
    """Some films of a dataset, given out in batches.

    Attributes:
        dataset: where they come from.
        rows: their indices in the dataset.
        in_chans: channels of the tensors.
        device: of the tensors.
    """

    dataset: Dataset
    rows: NDArray[np.int64]
    in_chans: int
    device: torch.device

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        """Side of the square films, pixels."""
        return int(self.dataset.images.shape[1])

    @property
    def level(self) -> float:
        """One grey level of the stored films, in normalised units."""
        return 1.0 / (float(np.iinfo(self.dataset.images.dtype).max) * self.dataset.std)

    def batch(self, picked: Tensor) -> Tensor:
        """[B, C, S, S] float32 for positions `picked` among these films."""
        images = np.asarray(self.dataset.images[self.rows[picked.numpy()]])
        stats = {"mean": self.dataset.mean, "std": self.dataset.std}
        return to_tensor(images, **stats, in_chans=self.in_chans).to(self.device)

    def part(self, picked: Tensor, name: str) -> Tensor:
        """[B, 1, S, S] float32: 1 where the part mask `name` is, else 0.

        Raises:
            DataError: the dataset knows no such part.
        """
        if self.dataset.parts is None or name not in self.dataset.part_names:
            known = ", ".join(self.dataset.part_names) or "none, as this dataset has no part masks"
            raise DataError(f"dataset '{self.dataset.name}': no part is called '{name}'\nknown: {known}")
        number = self.dataset.part_names.index(name) + 1
        masks = np.asarray(self.dataset.parts[self.rows[picked.numpy()]]) == number
        return torch.from_numpy(masks.astype(np.float32))[:, None].to(self.device)

    def targets(self, picked: Tensor, n_classes: int) -> Tensor:
        """[B, K] float32: 1 for the film's class, or for each of its findings, else 0."""
        findings = self.dataset.findings
        if findings is None:
            return F.one_hot(self.labels(picked), n_classes).float()
        return torch.from_numpy(findings.present[self.rows[picked.numpy()]]).float().to(self.device)

    def labels(self, picked: Tensor) -> Tensor:
        """[B] int64 class indices."""
        return torch.from_numpy(self.dataset.labels[self.rows[picked.numpy()]]).to(self.device)


def check_normalisation(dataset: Dataset) -> None:
    """Refuse a dataset whose mean and deviation cannot normalise its films.

    Raises:
        DataError: not finite, or no spread.
    """
    if not (np.isfinite(dataset.mean) and np.isfinite(dataset.std) and dataset.std > 0):
        raise DataError(
            f"dataset '{dataset.name}': mean {dataset.mean:g} and std {dataset.std:g} cannot normalise films"
        )
