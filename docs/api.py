"""Pages of the API for the site: one for each module, written by docs/pages.py."""

import importlib
import pkgutil
from collections.abc import Iterator

import papermill  # noqa: F401  loads satqkd.workflow.engine itself, as its plug-in, and has to come first

import satqkd

PARTS = {
    "Scenarios": ["scenario"],
    "Stages": ["orbit", "channel", "detection", "coincidence", "key", "bell", "fiber", "validation"],
    "What stages share": ["dataset", "files", "flight", "streams", "plot"],
    "Above several stages": [
        "analytic", "planner", "sweep", "explorer", "papers", "overview", "report", "workflow"
    ],
}  # fmt: skip


def directive(name: str, lines: list[str], *options: str) -> str:
    """A directive of reStructuredText with a list of names in it."""
    return "\n   ".join([f".. {name}::", *options, "", *lines])


def headed(title: str, *parts: str, line: str = "=") -> str:
    return "\n\n".join([f"{title}\n{line * len(title)}", *filter(None, parts)])


def names_of(package) -> list[str]:
    """What a package hands on, each name by the module that defines it."""
    values = {name: getattr(package, name) for name in getattr(package, "__all__", [])}
    return [f"{value.__module__}.{name}" for name, value in values.items() if hasattr(value, "__qualname__")]


def defined_in(module) -> list[str]:
    """Public functions and classes of a module, in the order of its source."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and value.__doc__
    ]


def api_pages(name: str) -> Iterator[tuple[str, str]]:
    """Yield the page of a module, or of a package and of each module in it."""
    package = importlib.import_module(name)
    inside = [one.name for one in pkgutil.iter_modules(getattr(package, "__path__", []), f"{name}.")]
    inside = [one for one in inside if not one.endswith("__main__")]
    names = names_of(package) if inside else []
    defined = defined_in(package)
    yield (
        name,
        headed(
            name,
            f".. automodule:: {name}" + (f"\n   :members: {', '.join(defined)}" if defined else ""),
            headed("Names", directive("autosummary", names), line="-") if names else "",
            headed("Modules", directive("autosummary", inside), line="-") if inside else "",
            directive("toctree", inside, ":hidden:") if inside else "",
        ),
    )
    for one in inside:
        yield from api_pages(one)


def api_index() -> str:
    parts = [
        headed(title, directive("autosummary", [f"satqkd.{name}" for name in names]), line="-")
        for title, names in PARTS.items()
    ]
    pages = [f"satqkd.{name}" for names in PARTS.values() for name in names]
    return headed("API", directive("autosummary", names_of(satqkd)), *parts, directive("toctree", pages, ":hidden:"))


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page's file name and text."""
    yield "index.rst", api_index()
    for name in (name for names in PARTS.values() for name in names):
        for module, text in api_pages(f"satqkd.{name}"):
            yield f"{module}.rst", text
