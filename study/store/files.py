"""Small files that are whole or absent, and disk errors that say what to do."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from study.errors import StoreError

FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_WORDS = ("No space left on device", "Disk quota exceeded")
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


def write_atomic(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Put `content` at `path`, as a whole or not at all.

    Args:
        path: replaced if it exists; its folder must exist.
        content: the whole file.
        durable: flush the content first, so that a power cut cannot leave the name with
            half the content. Files that only describe the present (leases, progress) do not need it.

    Raises:
        StoreError: the file system is full, read-only or refuses.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with store_errors(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def write_json(path: Path, content: Any, *, durable: bool = False) -> None:
    """`write_atomic` of readable JSON."""
    write_atomic(path, json.dumps(content, indent=1).encode() + b"\n", durable=durable)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None where the file is absent, truncated or no object."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def sync_file(path: Path) -> None:
    """Flush a file that somebody else wrote."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Flush the names in a folder."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn the disk's refusals below `path` into a `StoreError` with numbers."""
    try:
        yield
    except OSError as error:
        raise StoreError(explain(error, path)) from error


def explain(error: OSError, path: Path) -> str:
    """What the disk said, how much room there is, and what to do."""
    said = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in FULL:
        return f"{path}: cannot be written: {said}\n{full(path)}"
    text = f"{path}: cannot be written or read: {said}\n{room(path)}"
    if error.errno in REFUSED:
        return f"{text}\nmake the folder writable for this user, or choose another one with --runs"
    return text


def full(path: Path) -> str:
    """How much room there is, and what to do where that is too little."""
    return f"{room(path)}\nfree some space there and run the same command again: finished stages are kept"


def room(path: Path) -> str:
    """`1.2 GB of 30.0 GB are free there, 5120 files more can be made`."""
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), Path("/"))
    usage = shutil.disk_usage(folder)
    inodes = os.statvfs(folder).f_favail
    return f"{usage.free / 1e9:.3f} GB of {usage.total / 1e9:.3f} GB are free there, {inodes} files more can be made"


def is_disk_error(error: BaseException) -> bool:
    """Whether `error`, or what caused it, is a full or read-only disk.

    Libraries that write through C++ (safetensors, torch) lose the errno, so their text counts too.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (*FULL, errno.EROFS):
            return True
        if any(words in str(seen) for words in FULL_WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
