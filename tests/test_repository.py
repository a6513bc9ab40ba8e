"""What the repository promises about its own files: notebooks, environment, lock, rules."""

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from satqkd.workflow.sources import PACKAGE, sources_of

ROOT = Path(__file__).parents[1]
OPENED = ("calibrate.ipynb", "explore.ipynb")  # by a person, in JupyterLab
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_are_thin_and_clean(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1 and tagged[0] is code[0]
    lines = [line for cell in code for line in cell.source.splitlines() if line.strip()]
    assert len(lines) <= 60
    assert not any(line.startswith(("def ", "class ")) for line in lines)


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.name not in OPENED], ids=lambda p: p.name)
def test_every_parameter_of_a_rule_is_a_parameter_of_its_notebook(path):
    rule = (ROOT / "workflow/rules" / f"{path.stem.lstrip('0123456789_')}.smk").read_text()
    given = set(re.findall(r"-[pr] (\w+) ", rule))
    source = next(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code")
    known = set(re.findall(r"^(\w+) =", source, re.MULTILINE))
    assert given and given <= known


def statements(path):
    """The statements of a notebook's code, in order."""
    cells = nbformat.read(path, as_version=4).cells
    return ast.parse("\n".join(cell.source for cell in cells if cell.cell_type == "code")).body


def calls(statement, name):
    return [node for node in ast.walk(statement) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if re.match("0[1-7]", p.name)], ids=lambda p: p.name)
def test_a_stage_sees_published_values_only_in_a_table_that_is_displayed_after_its_results_are_saved(path):
    body = statements(path)
    imported = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {node.module: {alias.name for alias in node.names} for node in imported if "satqkd" in ast.unparse(node)}
    assert modules.pop("satqkd.tables") == {"display_beside_published", "inputs"}
    for module, names in modules.items():
        own = () if module == "satqkd" else (module,)  # whose __main__, the command, uses everything
        for name in (*own, *(f"{module}.{name}" for name in names)):
            assert PACKAGE / "validation/reference.py" not in sources_of(name), name
    (place,) = [number for number, one in enumerate(body) if calls(one, "display_beside_published")]
    saved = [
        n for n, one in enumerate(body) for name in ("save", "save_observables", "save_provenance") if calls(one, name)
    ]
    assert saved and place > max(saved)
    shown = body[place].body[0] if isinstance(body[place], ast.If) else body[place]
    assert isinstance(shown, ast.Expr) and re.match(r"(display\()?display_beside_published\(", ast.unparse(shown))
    later = body[place + 1 :]
    assert not [node for one in later for node in ast.walk(one) if isinstance(node, ast.Assign)]


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if re.match("0[3-6]", p.name)], ids=lambda p: p.name)
def test_a_run_that_nobody_opens_draws_and_shows_nothing(path):
    """Without a folder for figures a notebook leaves out every figure and every table."""
    for statement in statements(path):
        if not isinstance(statement, ast.If):
            assert not any(calls(statement, name) for name in ("display", "save_figure", "inputs"))
            assert not isinstance(statement, ast.Expr) or isinstance(statement.value, ast.Call)
        else:
            assert ast.unparse(statement.test) == "figures" and not statement.orelse


@pytest.mark.parametrize("path", NOTEBOOKS[:7], ids=lambda p: p.name)
def test_every_figure_of_a_stage_is_saved_and_shown_with_a_sentence_before_it(path):
    cells = nbformat.read(path, as_version=4).cells
    rule = (ROOT / f"workflow/rules/{path.stem[3:]}.smk").read_text()
    named = set(re.findall(r'"(\w+)"', re.search(r'=figures\(\s*"[^"]+",([^)]*)\)', rule)[1]))
    drawn = [number for number, cell in enumerate(cells) if cell.cell_type == "code" and ".svg" in cell.source]
    assert {name for number in drawn for name in re.findall(r'"(\w+)\.svg"', cells[number].source)} == named
    for number in drawn:
        last = ast.parse(cells[number].source).body[-1]
        shown = last.body[0] if isinstance(last, ast.If) else last
        assert re.match(r"(display\()?save_figure\(", ast.unparse(shown))
        assert re.search(r"\*\*[\w ]+\.\*\* [A-Z]", cells[number - 1].source)


def test_the_peer_of_the_workflow_imports_the_science_packages():
    cells = nbformat.read(ROOT / "benchmarks/imports.ipynb", as_version=4).cells
    assert set(re.findall(r"import (\w+)", cells[-1].source)) == {"numpy", "scipy", "xarray", "matplotlib"}


def test_conda_installs_the_tested_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(entry for entry in environment["dependencies"] if isinstance(entry, dict))["pip"]
    assert "-r requirements.lock" in pip
    assert environment["channels"] == ["conda-forge"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tested = [int(minor) for minor in re.findall(r"Python :: 3\.(\d+)", " ".join(project["classifiers"]))]
    assert f"python>=3.{min(tested)},<3.{max(tested) + 1}" in environment["dependencies"]
    assert project["requires-python"] == f">=3.{min(tested)}"
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/ci.yml").read_text())[1]
    assert matrix == ", ".join(f'"3.{minor}"' for minor in tested)


def test_lock_is_hashed_names_no_host_and_holds_every_declared_package():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock and "index-url" not in lock
    entries = re.findall(
        r"^([A-Za-z0-9_.\-]+)==([^ ]+)(?: ; [^\\\n]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\\n]*)+)",
        lock,
        re.MULTILINE,
    )
    names = {name.lower() for name, _, _ in entries}
    assert len(entries) == len(re.findall(r"^[A-Za-z0-9]", lock, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = project["dependencies"] + extras["workflow"] + extras["notebooks"] + extras["install"]
    assert {re.split(r"[><=\[]", entry)[0].lower() for entry in declared} <= names


def test_every_figure_of_the_report_has_its_caption():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    lists = "".join(re.findall(r'=figures\(\s*"[^"]+",([^)]*)\)', rules))
    names = set(re.findall(r'"(\w+)"', lists)) | set(re.findall(r"report/(\w+)\.rst", rules))
    assert len(names) > 10
    for name in names:
        assert len((ROOT / "workflow/report" / f"{name}.rst").read_text().split()) > 5, name


def test_the_makefile_hands_on_the_days_of_a_plan_and_the_name_of_a_sweep():
    text = (ROOT / "Makefile").read_text()
    assert re.search(r"^plan: .*\n\t.* plan .*plan=\$\(PLAN\).*start=\$\(START\).*days=\$\(DAYS\)", text, re.M)
    assert re.search(r"^sweep: .*\n\t.* sweep .*sweep=\$\(SWEEP\)", text, re.M)


def test_help_names_every_target():
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)", text, re.M)
    assert set(phony.split()) == set(re.findall(r"^([a-z-]+):.*## ", text, re.M))


def test_every_property_draws_fewer_examples_in_make_check():
    """A number of its own would hold in every profile: `examples` of tests/sizes.py gives a share of the profile's."""
    fixed = [path.name for path in (ROOT / "tests").rglob("*.py") if re.search(r"max_examples=[0-9]", path.read_text())]
    assert fixed == ["conftest.py"]  # the profiles themselves


def test_python_keeps_its_bytecode_under_make():
    asked = ["make", "--silent", "--eval", "asked:; @env", "asked"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "KEPT": "1"}
    said = subprocess.check_output(asked, cwd=ROOT, env=environment, text=True).splitlines()
    assert "KEPT=1" in said and "PYTHONDONTWRITEBYTECODE=1" not in said


def test_ci_calls_the_commands_of_the_readme():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci/run").read_text()
    for command in ("make test", "make results"):
        assert command in readme and command in ci
    assert ".ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()
