"""Find the source files that a notebook or a module uses, so that a change in one runs the rules that depend on it."""

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
        The file of a notebook, or the name of a module, for example ``satqkd.report``; includes ``__main__`` of a
        package.

    Returns
    -------
    list of Path
        In alphabetical order.

    Examples
    --------
    >>> sources_of("satqkd.streams")[-1].name
    'streams.py'
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
    """Return the SHA-256 of all files that notebooks or modules use, with their names.

    Examples
    --------
    >>> digest_of("satqkd.streams") == digest_of("satqkd.files")
    False
    """
    digest = hashlib.sha256()
    for file in sorted({file for start in starts for file in sources_of(start)}):
        digest.update(f"{file.relative_to(PACKAGE)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _code(notebook: Path) -> str:
    """Return the code of all cells of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@cache
def _imports(file: Path) -> frozenset[str]:
    """Return the names that a file of the package imports anywhere."""
    inside = [PACKAGE.name, *file.relative_to(PACKAGE).parent.parts]
    return frozenset(_named(ast.parse(file.read_text(encoding="utf-8")), inside))


def _named(tree: ast.AST, inside: list[str]) -> Iterator[str]:
    """Yield the full names that a syntax tree imports within a package, of modules and of what may be modules."""
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
    """Return the files of this package that Python reads to import a name: those of its packages, and its own."""
    first, *parts = name.split(".")
    if first != PACKAGE.name:
        return ()
    folders = [PACKAGE.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    files = [folder / "__init__.py" for folder in folders] + [folder.with_suffix(".py") for folder in folders[1:]]
    return tuple(file for file in files if file.is_file())
