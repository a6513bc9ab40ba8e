"""Pages of the API for the site: one for each module, written by docs/pages.py."""

import importlib
import pkgutil
from collections.abc import Iterator

import papermill  # noqa: F401  loads satqkd.workflow.engine itself, as its plug-in, and has to come first

import satqkd

PARTS = {
    "Scenarios": ["scenario"],
    "Stages": ["orbit", "channel", "detection", "coincidence", "key", "bell", "fiber", "validation"],
    "Eve": ["attack", "laboratory"],
    "What stages share": ["dataset", "bench", "result", "files", "flight", "streams", "tables", "plot"],
    "Above several stages": [
        "stages", "analytic", "calibration", "counts", "planner", "sweep", "explorer", "papers", "overview", "report",
        "command", "workflow",
    ],
}  # fmt: skip


def directive(name: str, lines: list[str], *options: str) -> str:
    """A directive of reStructuredText with its options and its lines; nothing without lines."""
    return "\n   ".join([f".. {name}::", *options, "", *lines]) if lines else ""


def headed(title: str, *parts: str, line: str = "=") -> str:
    """A heading and what follows it; nothing where nothing does."""
    return "\n\n".join([f"{title}\n{line * len(title)}", *filter(None, parts)]) if any(parts) else ""


def listed(title: str, names: list[str]) -> str:
    """A section with a table of names, each with the first sentence of its docstring."""
    return headed(title, directive("autosummary", names, ":nosignatures:"), line="-")


def contents(modules: list[str]) -> str:
    """The contents below a page, each module by its last name."""
    return directive("toctree", [f"{name.rpartition('.')[2]} <{name}>" for name in modules], ":hidden:")


def handed_on(package) -> list[str]:
    """Public names of a package, each by the module that defines it."""
    values = {name: getattr(package, name) for name in getattr(package, "__all__", [])}
    return [f"~{value.__module__}.{name}" for name, value in values.items() if hasattr(value, "__qualname__")]


def defined_in(module) -> list[str]:
    """Public functions and classes of a module, in the order of its source."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and value.__doc__
    ]


def module_pages(name: str) -> Iterator[tuple[str, str]]:
    """Yield the page of a module, or of a package and of each module in it."""
    module = importlib.import_module(name)
    inside = [one.name for one in pkgutil.iter_modules(getattr(module, "__path__", []), f"{name}.")]
    inside = [one for one in inside if not one.endswith("__main__")]
    own = defined_in(module)
    page = f".. automodule:: {name}" + (f"\n   :members: {', '.join(own)}" if own else "")
    names = handed_on(module) if inside else []
    yield f"{name}.rst", headed(name, page, listed("Names", names), listed("Modules", inside), contents(inside))
    for one in inside:
        yield from module_pages(one)


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page's file name and text."""
    parts = {title: [f"satqkd.{name}" for name in names] for title, names in PARTS.items()}
    modules = [name for names in parts.values() for name in names]
    first = listed("Names", handed_on(satqkd))
    yield "index.rst", headed("API", first, *(listed(*part) for part in parts.items()), contents(modules))
    for name in modules:
        yield from module_pages(name)
