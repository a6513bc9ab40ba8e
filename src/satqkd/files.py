"""Files that are whole or absent, and the provenance beside each."""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


class MissingResult(FileNotFoundError):
    """A result that the workflow has not made yet. A notebook shows its one sentence, without a traceback.

    Parameters
    ----------
    path : str or Path
        The file or folder that is not there.
    """

    def __init__(self, path: str | Path):
        super().__init__(f"{path} does not exist yet: run make results first")

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def require_result(path: str | Path) -> None:
    """Raise `MissingResult` unless a result is there."""
    if not Path(path).exists():
        raise MissingResult(path)


@contextmanager
def finished(path: str | Path) -> Iterator[Path]:
    """Give a place to write in, which takes its real name only when the writing has succeeded."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        yield draft
        if path.is_dir():
            shutil.rmtree(path)
        draft.replace(path)
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)


def save_json(values: dict, path: str | Path) -> None:
    """Write a small record as JSON."""
    with finished(path) as draft:
        draft.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")


def save_observables(values: dict[str, tuple[float, str]], path: str | Path) -> None:
    """Write what a publication can be compared with, name to (value, unit), as JSON for stage 8 to read."""
    save_json({name: {"value": value, "unit": unit} for name, (value, unit) in values.items()}, path)


def hash_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of all the files of a folder with their names."""
    path = Path(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            if file != path:  # where a name or a file ends is part of what is hashed
                digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as handle:
                while block := handle.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()


def save_provenance(result: str | Path, inputs: Iterable[str | Path]) -> None:
    """Write when and with what a result was made, and from which inputs, to ``<result>.provenance.json``."""
    result = Path(result)
    save_json(
        {
            "result": result.name,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in ("satqkd", "numpy", "scipy", "xarray", "numba")},
            "inputs": {Path(source).name: hash_of(source) for source in inputs},
        },
        result.with_name(result.name + ".provenance.json"),
    )
