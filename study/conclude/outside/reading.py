"""A csv, tsv or parquet file as codes and numbers: no text is held more than once, however many rows there are.

A file without a mistake is read in one go. Where that fails, it is read again as text, so that every mistake can be
named with its line.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from study.conclude.outside.complaints import Complaints
from study.errors import DataError

Codes = NDArray[np.signedinteger[Any]]
Floats = NDArray[np.float64]

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
SPOKEN = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""What an undefined number may be written as."""
BLOCK = 1 << 24
"""Bytes of a file parsed at a time."""
ALIASES = {
    **dict.fromkeys(("patient", "patient_id", "subject", "subject_id"), "cluster"),
    **dict.fromkeys(("image", "filename", "file", "film"), "image_id"),
    **dict.fromkeys(("method", "explainer"), "attribution"),
    **dict.fromkeys(("group", "condition"), "arm"),
    **dict.fromkeys(("architecture", "backbone"), "model"),
    "score": "value",
}
"""What others call our columns."""
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Columns:
    """What a table may hold: `keys` are names, `numbers` are numbers, of both `optional` ones may be absent."""

    keys: tuple[str, ...]
    numbers: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.keys, *self.numbers)


@dataclass(frozen=True)
class Column:
    """A column of names: `names` in the order of first appearance, and for each row the place of its name."""

    names: tuple[str, ...]
    codes: Codes

    def first(self, place: int) -> int:
        """The first row with this name."""
        return int(np.argmax(self.codes == place))


@dataclass
class Table:
    """A file's columns; `ignored` are the names of those that nothing is known of."""

    path: Path
    sha256: str
    encoding: str
    n_rows: int
    keys: dict[str, Column]
    numbers: dict[str, Floats]
    ignored: tuple[str, ...]
    complaints: Complaints


def read_table(path: Path, wanted: Columns) -> Table:
    """The columns of the file, with complaints about rows that cannot be read.

    Args:
        path: csv (or csv.gz), tsv or parquet, by its suffix.
        wanted: what to read.

    Raises:
        DataError: nothing can be read of it: no such file, a missing column, a wrong separator.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file" if not path.exists() else f"{path}: this is no file")
    sha256 = _sha256(path)
    if path.suffix == ".parquet":
        return _parquet(path, wanted, sha256)
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in SEPARATORS:
        raise DataError(f"{path}: found the suffix '{suffix}'; allowed: .csv, .csv.gz, .tsv, .parquet")
    return _text(path, wanted, sha256, SEPARATORS[suffix])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


# --------------------------------------------------------------------------- csv and tsv


def _text(path: Path, wanted: Columns, sha256: str, separator: str) -> Table:
    head = _head(path)
    encoding = _encoding(head)
    names = _names(path, head, encoding, separator, wanted)
    complaints = Complaints(path)
    present = [name for name in wanted.known if name in names]
    numbers = [name for name in present if name in wanted.numbers]
    try:
        table = _parsed(path, present, numbers, encoding, separator)
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            encoding = "cp949"
        table = _carefully(path, present, encoding, separator, complaints)
    except UnicodeDecodeError:
        table = _carefully(path, present, encoding, separator, complaints)
    keys = {name: _coded(table.column(name)) for name in present if name not in numbers}
    values = {name: _floats(table.column(name), name, complaints) for name in numbers}
    ignored = tuple(name for name in names if name not in wanted.known)
    return Table(path, sha256, encoding, table.num_rows, keys, values, ignored, complaints)


def _head(path: Path) -> bytes:
    try:
        with opened(path) as file:
            head = file.read(1 << 16)
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); is it whole?") from error
    if not head.strip():
        raise DataError(f"{path}: the file is empty; it needs a line of column names and a row per score")
    if head.startswith(b"PK\x03\x04"):
        raise DataError(f"{path}: this is a spreadsheet or an archive; save it as 'CSV UTF-8 (comma delimited)'")
    return head


def _encoding(head: bytes) -> str:
    """UTF-8 (with or without a mark), UTF-16 where a mark says so, else what Excel writes in Korea."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or error.reason != "unexpected end of data":
            return "cp949"
    return "utf8"


def _names(path: Path, head: bytes, encoding: str, separator: str, wanted: Columns) -> list[str]:
    """The column names, checked."""
    text = head.decode("utf-8-sig" if encoding == "utf8" else encoding, errors="replace")
    first = next(line for line in text.splitlines() if line.strip())
    names = next(csv.reader([first], delimiter=separator))
    found = {
        other: sum(name in wanted.known for name in next(csv.reader([first], delimiter=other))) for other in SPOKEN
    }
    other = max(found, key=lambda sign: found[sign])
    if found[other] > max(found[separator], 1):
        raise DataError(
            f"{path}: line 1: columns are separated by {SPOKEN[other]}; a {path.suffix} file needs {SPOKEN[separator]}\n"
            "save it as 'CSV UTF-8 (comma delimited)', or with tabs and the suffix .tsv"
        )
    _check_names(path, names, wanted)
    return names


def _check_names(path: Path, names: Sequence[str], wanted: Columns) -> None:
    problems = []
    for name in wanted.known:
        if names.count(name) > 1:
            problems.append(f"the column '{name}' is there {names.count(name)} times")
    strangers = [name for name in names if name not in wanted.known]
    for name in wanted.known:
        near = _near(name, strangers)
        if name not in names and name not in wanted.optional:
            problems.append(f"the column '{name}' is missing" + (f"; is it '{near}'?" if near else ""))
        elif name not in names and near:
            problems.append(f"the column '{near}' is not known; did you mean '{name}'?")
    if problems:
        allowed = ", ".join(f"[{name}]" if name in wanted.optional else name for name in wanted.known)
        rows = "".join(f"\n  line 1  {problem}" for problem in problems)
        found = ", ".join(repr(name) for name in names)
        raise DataError(
            f"{path}: the columns cannot be used{rows}\nfound: {found}\nallowed: {allowed}; [] may be left out"
        )


def _near(name: str, strangers: Sequence[str]) -> str | None:
    """The unknown column that this one was probably meant to be."""
    for stranger in strangers:
        plain = stranger.strip().lower().replace(" ", "_").replace("-", "_")
        if plain == name or ALIASES.get(plain) == name or difflib.get_close_matches(plain, [name], cutoff=0.75):
            return stranger
    return None


def _parsed(
    path: Path,
    present: Sequence[str],
    numbers: Collection[str],
    encoding: str,
    separator: str,
    complaints: Complaints | None = None,
) -> pa.Table:
    """The table; with `complaints` rows of another length are noted and skipped, else they are an error."""

    def skipped(row: Any) -> str:
        assert complaints is not None
        complaints.odd_row(row.number, row.actual_columns, row.expected_columns)
        return "skip"

    types = {name: pa.float64() if name in numbers else _DICTIONARY for name in present}
    with opened(path) as file:
        return pyarrow.csv.read_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(use_threads=complaints is None, block_size=BLOCK, encoding=encoding),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=separator, invalid_row_handler=None if complaints is None else skipped
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types, include_columns=list(present), strings_can_be_null=False, null_values=list(EMPTY)
            ),
        )


def _carefully(path: Path, present: Sequence[str], encoding: str, separator: str, complaints: Complaints) -> pa.Table:
    """Everything as text, rows of another length noted."""
    try:
        return _parsed(path, present, (), encoding, separator, complaints)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read as text ({error})\nsave it as UTF-8; CP949, which Excel writes in Korea, is read too"
        ) from error


# ------------------------------------------------------------------------------ parquet


def _parquet(path: Path, wanted: Columns, sha256: str) -> Table:
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: this is no parquet file ({error})") from error
    names = list(file.schema_arrow.names)
    _check_names(path, names, wanted)
    present = [name for name in wanted.known if name in names]
    texts = [name for name in present if name in wanted.keys]
    table = pyarrow.parquet.read_table(path, columns=present, read_dictionary=texts)
    complaints = Complaints(path)
    keys = {name: _coded(table.column(name)) for name in texts}
    values = {name: _floats(table.column(name), name, complaints) for name in present if name in wanted.numbers}
    ignored = tuple(name for name in names if name not in wanted.known)
    return Table(path, sha256, "parquet", table.num_rows, keys, values, ignored, complaints)


# ------------------------------------------------------------------- columns out of arrow


def _coded(column: pa.ChunkedArray) -> Column:
    """Names without blanks around them, in composed form; an absent one is the empty name."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    column = column.cast(_DICTIONARY).unify_dictionaries()
    if not len(column):
        return Column((), np.zeros(0, dtype=np.int8))
    written = [str(name) if name is not None else "" for name in column.chunk(0).dictionary.to_pylist()]
    if any(chunk.null_count for chunk in column.chunks):
        written.append("")
    cleaned = [unicodedata.normalize("NFC", name.strip()) for name in written]
    place = {name: at for at, name in enumerate(dict.fromkeys(cleaned))}
    kind: type[np.signedinteger[Any]] = np.int8 if len(place) < 127 else np.int16 if len(place) < 32_767 else np.int32
    codes = np.empty(len(column), dtype=kind)
    mapped = np.array([place[name] for name in cleaned], dtype=kind)
    start = 0
    for chunk in column.chunks:
        indices = chunk.indices.fill_null(len(written) - 1).to_numpy(zero_copy_only=False)
        codes[start : start + len(chunk)] = mapped[indices]
        start += len(chunk)
    return Column(tuple(place), codes)


def _floats(column: pa.ChunkedArray, name: str, complaints: Complaints) -> Floats:
    """Numbers, NaN where there is none; what is no number is complained about."""
    if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _from_text(_coded(column), name, complaints)
    values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    infinite = np.isinf(values)
    if infinite.any():
        complaints.add(name, "is infinite; leave it empty where the value is not defined", np.flatnonzero(infinite))
    return values


def _from_text(column: Column, name: str, complaints: Complaints) -> Floats:
    parsed = np.array([_number(text) for text in column.names], dtype=np.float64)
    wrong = np.array([np.isinf(number) for number in parsed], dtype=bool)
    rows = np.flatnonzero(wrong[column.codes]) if len(column.codes) else np.zeros(0, dtype=np.int64)
    if len(rows):
        text = column.names[column.codes[rows[0]]]
        comma = text.replace(",", ".", 1)
        hint = (
            f"a decimal comma; write {comma}"
            if np.isfinite(_number(comma))
            else "no number; leave it empty where the value is not defined"
        )
        complaints.add(name, f"found '{text}', which is {hint}", rows)
    return parsed[column.codes] if len(column.codes) else np.zeros(0)


def _number(text: str) -> float:
    """The number, NaN where it is absent, infinity where it is none."""
    if text in EMPTY:
        return float("nan")
    try:
        return float(text) if "_" not in text else float("inf")
    except ValueError:
        return float("inf")
