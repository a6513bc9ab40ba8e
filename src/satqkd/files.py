"""Files that are complete or absent, and the provenance beside each."""

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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class MissingResult(FileNotFoundError):
    """A result that the workflow has not made yet. A notebook shows its message without a traceback.

    Parameters
    ----------
    path : str or Path
        The file or folder that is missing.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(f"{path} does not exist yet: run make results first")

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def require_result(path: str | Path) -> None:
    """Raise `MissingResult` unless a result exists.

    Examples
    --------
    >>> try:
    ...     require_result("results/nowhere/orbit.nc")
    ... except MissingResult as missing:
    ...     print(missing)
    results/nowhere/orbit.nc does not exist yet: run make results first
    """
    if not Path(path).exists():
        raise MissingResult(path)


@contextmanager
def finished(path: str | Path) -> Iterator[Path]:
    """Yield a path to write to, which gets its real name only if the writing succeeds.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with finished(f"{folder}/note.txt") as draft:
    ...         _ = draft.write_text("complete")
    ...     Path(folder, "note.txt").read_text()
    'complete'
    """
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
    """Write a dictionary as JSON, with sorted keys.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_json({"b": 1, "a": 2}, f"{folder}/record.json")
    ...     json.loads(Path(folder, "record.json").read_text())
    {'a': 2, 'b': 1}
    """
    with finished(path) as draft:
        draft.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")


def save_csv(frame: "pd.DataFrame", path: str | Path) -> None:
    """Write a table as CSV, numbers that are not whole to six digits.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_csv(pd.DataFrame({"row": [1], "qber": [0.0212345678]}), f"{folder}/counts.csv")
    ...     Path(folder, "counts.csv").read_text()
    'row,qber\\n1,0.0212346\\n'
    """
    with finished(path) as draft:
        frame.to_csv(draft, index=False, float_format="%.6g", lineterminator="\n")


def save_observables(values: dict[str, tuple[float, str]], path: str | Path) -> None:
    """Write what a publication can be compared with, name to (value, unit), as JSON that stage 8 reads.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_observables({"baseline": (1120.1, "km")}, f"{folder}/orbit.observables.json")
    ...     json.loads(Path(folder, "orbit.observables.json").read_text())
    {'baseline': {'unit': 'km', 'value': 1120.1}}
    """
    save_json({name: {"value": value, "unit": unit} for name, (value, unit) in values.items()}, path)


def hash_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of all the files of a folder with their names.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "note.txt").write_text("abc")
    ...     hash_of(f"{folder}/note.txt")[:16]
    'ba7816bf8f01cfea'
    """
    path = Path(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            if file != path:  # with the size, so that the ends of names and files are unambiguous
                digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as handle:
                while block := handle.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()


def save_provenance(result: str | Path, inputs: Iterable[str | Path]) -> None:
    """Write when, with which packages and from which inputs a result was made, to ``<result>.provenance.json``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "scenario.yaml").write_text("name: mine")
    ...     save_provenance(f"{folder}/orbit.nc", [f"{folder}/scenario.yaml"])
    ...     list(json.loads(Path(folder, "orbit.nc.provenance.json").read_text())["inputs"])
    ['scenario.yaml']
    """
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
