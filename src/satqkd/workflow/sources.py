"""Find the source files that a notebook or a module uses, so that a change of one re-runs what depends on it."""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def sources_of(start: str | Path) -> list[Path]:
    """Return the files of this package that a notebook or a module imports, directly or through others.

    Parameters
    ----------
    start : str or Path
        A notebook's file, or the name of a module, for example ``satqkd.report``; of a package its ``__main__`` too.

    Returns
    -------
    list of Path
        In alphabetical order.
    """
    if str(start).endswith(".ipynb"):
        names = set(_named(ast.parse(_code(Path(start))), []))
    else:
        names = {str(start), f"{start}.__main__"}
    found: set[Path] = set()
    while names:
        files = {file for name in names for file in _files(name)} - found
        found |= files
        names = {name for file in files for name in _imports(file)}
    return sorted(found)


@cache
def digest_of(*starts: str | Path) -> str:
    """Return the SHA-256 of all files that notebooks or modules use, with their names."""
    digest = hashlib.sha256()
    for file in sorted({file for start in starts for file in sources_of(start)}):
        digest.update(f"{file.relative_to(PACKAGE)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _code(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@cache
def _imports(file: Path) -> frozenset[str]:
    """Names that a file of the package imports, wherever in the file."""
    inside = [PACKAGE.name, *file.relative_to(PACKAGE).parent.parts]
    return frozenset(_named(ast.parse(file.read_text(encoding="utf-8")), inside))


def _named(tree: ast.AST, inside: list[str]) -> Iterator[str]:
    """Full names of the modules, and of what may be modules, that a tree imports within a package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*inside[: len(inside) - node.level + 1]] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


@cache
def _files(name: str) -> tuple[Path, ...]:
    """The files that Python reads to import a name: its packages' and its own, if it is of this package."""
    first, *parts = name.split(".")
    if first != PACKAGE.name:
        return ()
    folders = [PACKAGE.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    files = [folder / "__init__.py" for folder in folders] + [folder.with_suffix(".py") for folder in folders[1:]]
    return tuple(file for file in files if file.is_file())
