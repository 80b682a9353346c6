"""The settings of every data format, with their defaults, as a protocol may write them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, model_validator

Films = Annotated[int, Ge(0)]
Share = Annotated[float, Ge(0), Lt(1)]


class DataSettings(BaseModel):
    """What every format has."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    paths: ClassVar[tuple[str, ...]] = ()
    """Settings that say where files are; never part of a key (their content is)."""


class PhantomSettings(DataSettings):
    """Procedural radiographs: labels, boxes of the decisive region, part masks, side markers."""

    format: Literal["phantom"] = "phantom"
    anatomy: Literal["chest", "shoulder"]
    images: Films = 0
    """Unlabelled films, for pretraining."""
    train: Films = 0
    val: Films = 0
    test: Films = 0
    effect: Annotated[float, Ge(0)] = 1.3
    """Separation of the two classes' bone quality (shoulder) or of the lesions (chest)."""
    marker: Annotated[float, Ge(-1), Le(1)] = 0.0
    """Correlation of the boxed side letter with the label in train and val: a planted shortcut."""
    seed: Annotated[int, Ge(0)] = 0

    @model_validator(mode="after")
    def _some_films(self) -> PhantomSettings:
        if not self.images + self.train + self.val + self.test:
            raise ValueError("no films asked for; give images (unlabelled) or train, val and test")
        return self


class Split(BaseModel):
    """Shares for films whose split the manifest leaves blank; whole patients, by label."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    val: Share = 0.2
    test: Share = 0.3
    seed: Annotated[int, Ge(0)] = 0
    given: Literal["keep", "ignore"] = "keep"
    """Splits that the manifest names: keep them, or divide all films anew."""

    @model_validator(mode="after")
    def _leaves_training(self) -> Split:
        if self.val + self.test >= 1:
            raise ValueError(f"val + test is {self.val + self.test:g}; nothing is left to train on")
        return self


class CsvSettings(DataSettings):
    """A manifest with the columns image, label, split, patient_id, boxes, and its images."""

    paths: ClassVar[tuple[str, ...]] = ("manifest", "images", "parts")

    format: Literal["csv"] = "csv"
    manifest: str
    """The CSV file, or the folder that holds `manifest.csv`."""
    images: str | None = None
    """The folder of the images; default: `images/` beside the manifest, else the manifest's own."""
    parts: str | None = None
    """A folder of part masks, for concepts: `<parts>/<concept>/<image without suffix>.png`, not black = the concept."""
    classes: tuple[str, ...] | None = None
    """Labels to use, in this order; default: all, sorted."""
    others: Literal["drop", "unlabelled"] = "drop"
    """Films with a label outside `classes`: leave out, or use for pretraining only."""
    split: Split = Split()
    resize: Literal["letterbox", "stretch"] = "letterbox"
    max_quarantined: Annotated[float, Gt(0), Le(1)] = 0.5
    """Stop when more than this share of the files cannot be read."""
