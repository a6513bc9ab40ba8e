"""Run the examples (`>>>`) of all docstrings, those of compiled functions among them."""

import ast
import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import satqkd

SOURCES = Path(__file__).parents[1] / "src"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documented(node, name):
    """Names and docstrings of a module, its classes and its functions."""
    yield name, ast.get_docstring(node) or ""
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef):
            yield from documented(inner, f"{name}.{inner.name}")


def examples():
    """Module, name and docstring of everything that has an example."""
    for path in sorted(SOURCES.rglob("*.py")):
        if ">>> " in (text := path.read_text(encoding="utf-8")):
            module = ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
            for name, docstring in documented(ast.parse(text), module):
                if ">>> " in docstring:
                    yield pytest.param(module, name, docstring, id=name)


@pytest.mark.parametrize(("module", "name", "docstring"), list(examples()))
def test_an_example_gives_what_it_shows(module, name, docstring):
    example = doctest.DocTestParser().get_doctest(docstring, dict(vars(import_module(module))), name, None, 0)
    said = []
    doctest.DocTestRunner(optionflags=FLAGS).run(example, out=said.append)
    assert not said, "".join(said)


def test_an_example_that_is_wrong_is_found():
    with pytest.raises(AssertionError, match=r"Expected:\s+2\s+Got:\s+1"):
        test_an_example_gives_what_it_shows("satqkd", "wrong", ">>> 1\n2\n")


def exported():
    """Names and values that the parts of the package hand on, and those of parts that are one module."""
    for part in satqkd._PARTS:
        module = import_module(f"satqkd.{part}")
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        for name in getattr(module, "__all__", own):
            if not name.startswith("_"):
                yield f"satqkd.{part}.{name}", getattr(module, name)


def test_every_exported_function_has_an_example():
    functions = {name: inspect.unwrap(value) for name, value in exported() if not inspect.isclass(value)}
    functions = {name: getattr(value, "py_func", value) for name, value in functions.items() if callable(value)}
    assert len(functions) > 100
    assert [name for name, value in functions.items() if ">>> " not in (value.__doc__ or "")] == []
