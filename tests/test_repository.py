"""What the repository promises about its own files: notebooks, environment, lock, rules."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

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
    lists = "".join(re.findall(r'=figures\("[^"]+",([^)]*)\)', rules))
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


def test_ci_calls_the_commands_of_the_readme():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci/run").read_text()
    for command in ("make test", "make results"):
        assert command in readme and command in ci
    assert ".ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()
