"""The settings of every data format, with their defaults, as a protocol may write them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from study.registry import unknown

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


class FilmSettings(DataSettings):
    """What every format of real films has."""

    classes: tuple[str, ...] | None = None
    """Labels to use, in this order; default: all, sorted."""
    others: Literal["drop", "unlabelled"] = "drop"
    """Films with a label outside `classes`: leave out, or use for pretraining only."""
    split: Split = Split()
    resize: Literal["letterbox", "stretch"] = "letterbox"
    max_quarantined: Annotated[float, Gt(0), Le(1)] = 0.5
    """Stop when more than this share of the files cannot be read."""

    @property
    def has_parts(self) -> bool:
        """Whether part masks come with the films."""
        return False

    @property
    def several(self) -> tuple[str, ...] | None:
        """The findings of which a film may have several or none; None where a film has one label."""
        return None


class CsvSettings(FilmSettings):
    """A manifest with the columns image, label, split, patient_id, boxes, and its images."""

    paths: ClassVar[tuple[str, ...]] = ("manifest", "images", "parts")

    format: Literal["csv"] = "csv"
    manifest: str
    """The CSV file, or the folder that holds `manifest.csv`."""
    images: str | None = None
    """The folder of the images; default: `images/` beside the manifest, else the manifest's own."""
    parts: str | None = None
    """A folder of part masks, for concepts: `<parts>/<concept>/<image without suffix>.png`, not black = the concept."""
    multilabel: bool = False
    """A label names all findings of a film, as in `Effusion|Mass`; `classes` says which are learnt, a film with none
    of them (`No Finding`) is negative for all. The column `target` names the finding that a film's boxes show."""

    @model_validator(mode="after")
    def _says_its_findings(self) -> CsvSettings:
        if self.multilabel:
            if self.classes is None or len(set(self.classes)) < 2 or len(set(self.classes)) < len(self.classes):
                raise ValueError("multilabel: true needs `classes`, two or more different findings")
            _check_others(self)
        return self

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Films with one label keep the key they had before there were findings."""
        return _unless("multilabel", handler(self), self.multilabel)

    @property
    def has_parts(self) -> bool:
        """Whether a folder of part masks is named."""
        return self.parts is not None

    @property
    def several(self) -> tuple[str, ...] | None:
        """The classes, where they do not exclude each other."""
        return self.classes if self.multilabel else None


class FolderSettings(FilmSettings):
    """A folder of films, and perhaps a table with what the folder cannot say of them."""

    paths: ClassVar[tuple[str, ...]] = ("folder", "labels")

    folder: str
    labels: str | None = None
    """A CSV file with `image` and any of label, split, patient_id (and boxes, where the format has none); each column
    that is there replaces what the format says. Films are found by path, or by name, with or without suffix."""
    unlisted: Literal["unlabelled", "drop"] = "unlabelled"
    """Films that the table does not name: use for pretraining only, or leave out."""


class ImagefolderSettings(FolderSettings):
    """A folder per class, perhaps below folders named train, val and test; one named `unlabelled` has no label."""

    format: Literal["imagefolder"] = "imagefolder"


class DicomSettings(FolderSettings):
    """DICOM files of one frame, in a folder and its sub-folders."""

    format: Literal["dicom"] = "dicom"
    window: Literal["voi", "minmax", "full"] = "voi"
    """What becomes black and white: the file's VOI LUT or window, else its smallest and largest value (`voi`); these
    always (`minmax`); the smallest and largest value its bits can hold (`full`)."""
    patients: Literal["hashed", "as_written", "ignore"] = "hashed"
    """The PatientID as 12 hex digits of its SHA-256, as it is in the file, or not used."""


class BoxSettings(FolderSettings):
    """Films with boxes of named categories; the class of a film follows from its boxes, or from the table `labels`."""

    label: Literal["any_box", "category"] = "any_box"
    """Two classes, with and without a box; or the category of a film's boxes (films with several are left out)."""
    categories: tuple[str, ...] | None = None
    """Categories whose boxes are used; default: all."""
    no_box: str = "none"
    """The class of films without a box; `unlabelled`: they are for pretraining only."""


class CocoSettings(BoxSettings):
    """Annotations in COCO's JSON, one file or one per split."""

    paths: ClassVar[tuple[str, ...]] = ("folder", "labels", "annotations", "images")

    format: Literal["coco"] = "coco"
    annotations: str | None = None
    """The JSON file, or a folder with one per split (train, val or test in its name); default: found in `folder`."""
    images: str | None = None
    """The folder in which the `file_name`s lie; default: found in `folder`."""


class VocSettings(BoxSettings):
    """Annotations in Pascal VOC's XML: Annotations/, JPEGImages/, ImageSets/Main/, or XML files beside the images."""

    format: Literal["voc"] = "voc"
    first_pixel: Literal[0, 1] = 1
    """Pixels are counted from 1 and a box ends with its last one (VOC), or from 0 and it ends before (many tools)."""


class YoloSettings(BoxSettings):
    """images/ and labels/ with a text file per film, perhaps with a data.yaml that names the categories."""

    format: Literal["yolo"] = "yolo"


class MasksSettings(FolderSettings):
    """Films with binary masks: boxes around the masks' pieces, and the masks as parts for concepts."""

    paths: ClassVar[tuple[str, ...]] = ("folder", "labels", "masks")

    format: Literal["masks"] = "masks"
    masks: str | None = None
    """The folder of the masks, `<masks>/<film>.png` or `<masks>/<concept>/<film>.png`; default: `masks/` in `folder`,
    and mask files beside the films."""
    suffix: str = "_mask"
    """What the name of a mask file may have after that of its film; a number may follow (`_mask_1`)."""
    boxed: tuple[str, ...] | None = None
    """Concepts whose pieces become boxes; default: all. Masks without a concept's folder are of the concept `mask`."""
    smallest: Annotated[float, Ge(0), Lt(1)] = 0.0001
    """Pieces that cover less than this share of the film get no box."""
    label: Literal["folder", "any_mask"] = "folder"
    """The class of a film: its folder, or whether it has a piece of a boxed concept."""
    no_mask: str = "none"
    """With `any_mask`: the class of films without a piece; `unlabelled`: they are for pretraining only."""

    @property
    def has_parts(self) -> bool:
        """The masks are parts."""
        return True


FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia"),
    *("Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax"),
)
"""Of NIH ChestX-ray14."""


class Nih14Settings(FilmSettings):
    """NIH ChestX-ray14 as it is downloaded; one finding is the label, or several are."""

    paths: ClassVar[tuple[str, ...]] = ("folder",)

    format: Literal["nih14"] = "nih14"
    folder: str
    """Holds Data_Entry_2017*.csv, BBox_List_2017.csv, the two split lists, and the images in any sub-folders."""
    finding: str | None = None
    """The positive class, such as Effusion; without one, all films are for pretraining."""
    against: Literal["no_finding", "others"] = "no_finding"
    """The negative class: films with no finding at all (further films follow `others`), or all without this one."""
    findings: Literal["all"] | tuple[str, ...] | None = None
    """In place of `finding`: several findings (or `all` 14) with a probability each, of which a film may have several
    or none. A film's maps explain its first one, in this order, that has a box; without boxes its first one."""

    @field_validator("findings")
    @classmethod
    def _known(cls, findings: tuple[str, ...] | str | None) -> tuple[str, ...] | None:
        """`all` as the names it stands for."""
        chosen = FINDINGS if findings == "all" else findings
        if not isinstance(chosen, tuple):
            return None
        if strangers := [unknown("finding", name, FINDINGS) for name in chosen if name not in FINDINGS]:
            raise ValueError("\n".join(strangers))
        if len(set(chosen)) < max(2, len(chosen)):
            raise ValueError("needs two or more different findings, or all; for one, use `finding`")
        return chosen

    @model_validator(mode="after")
    def _one_or_several(self) -> Nih14Settings:
        if self.findings is not None:
            given = {"finding": self.finding, "classes": self.classes, "against": self.against == "others" or None}
            if names := [name for name, value in given.items() if value is not None]:
                raise ValueError(f"`findings` takes the place of `{'`, `'.join(names)}`; leave one of them out")
            _check_others(self)
        return self

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Films with one label keep the key they had before there were findings."""
        return _unless("findings", handler(self), self.findings is not None)

    @property
    def several(self) -> tuple[str, ...] | None:
        """The findings, where several were asked for."""
        return self.findings if isinstance(self.findings, tuple) else None


def _check_others(settings: FilmSettings) -> None:
    if settings.others != "drop":
        raise ValueError("a film with none of the findings is negative for all of them; leave `others` out")


def _unless(name: str, written: dict[str, Any], kept: bool) -> dict[str, Any]:
    return {key: value for key, value in written.items() if kept or key != name}
