"""What the package takes from others: declared, locked, and under licences that go together."""

import ast
import functools
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def dependencies(root):
    spec = importlib.util.spec_from_file_location("dependencies", root / "docs/dependencies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(requirements):
    return {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def lines(lock):
    """Requirements of a lock, each with its hashes on one line."""
    return [line for line in re.sub(r"\\\n\s*", "", lock.read_text()).splitlines() if not line.lstrip().startswith("#")]


def locked_versions(lock):
    """Version by name of what a lock installs here; a lock has versions for other Pythons and systems as well."""
    found = {}
    for line in lines(lock):
        name, version, marker = re.match(r"([\w.-]+)==([\w.]+)(?: ; (.+?))?(?: --hash|$)", line).groups()
        if marker is None or Marker(marker).evaluate():
            found[name] = version
    return found


@functools.cache
def imported_in(file):
    """Top-level names that a file imports, wherever in it; each file is read once."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


def imported(folder, but=()):
    """Top-level names that files import; some files may be left out."""
    return set().union(*(imported_in(file) for file in set(folder.rglob("*.py")) - set(but)))


owners_of_modules = functools.cache(importlib.metadata.packages_distributions)  # reads all that is installed


def undeclared(folder, declared, own, but=()):
    owners = owners_of_modules()
    foreign = set(imported(folder, but)) - set(sys.stdlib_module_names) - own
    return {name for name in foreign if not {d.lower().replace("_", "-") for d in owners.get(name, [name])} & declared}


LIBRARY_EXTRAS = ("workflow", "notebooks")
# What runs the workflow, what draws sliders and what samples a posterior; everything else does without the extras.
NEED_EXTRAS = (
    "explorer/sliders",
    "calibration/posterior",
    *(f"workflow/{name}" for name in ("engine", "kernels", "notebook", "running")),
)


def with_extras(project, *extras):
    return project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]


def test_the_package_imports_only_what_it_declares(root, project):
    assert undeclared(root / "src", names(with_extras(project, *LIBRARY_EXTRAS, "calibrate")), {"satqkd"}) == set()


def test_the_library_imports_nothing_of_the_extras(root, project):
    but = [root / f"src/satqkd/{name}.py" for name in NEED_EXTRAS]
    assert undeclared(root / "src", names(project["dependencies"]), {"satqkd"}, but) == set()
    for file in but:
        assert undeclared(file.parent, names(project["dependencies"]), {"satqkd"}, set(but) - {file}), file


def test_the_tests_import_only_what_is_declared(root, project):
    declared = names(with_extras(project, *LIBRARY_EXTRAS, "test"))
    own = {"satqkd", "benchmarks", "soundness", "tests", "conftest"}
    cluster = root / "tests/slurm"
    assert undeclared(root / "tests", declared, own, but=set(cluster.glob("*.py"))) == set()
    assert undeclared(cluster, declared | names(with_extras(project, "slurm")), own) == set()


def test_peers_are_imported_by_benchmarks_only(root, project):
    peers = names(project["optional-dependencies"]["bench"])
    assert not peers & names(project["dependencies"])
    assert not set(imported(root / "src")) & {name.replace("-", "_") for name in peers}


def test_an_undeclared_import_is_found(tmp_path):
    (tmp_path / "bad.py").write_text("def late():\n    import hypothesis\n")
    assert undeclared(tmp_path, {"numpy"}, set()) == {"hypothesis"}


EXTRAS = {
    "": ["install"],
    "-test": ["install", "test"],
    "-oldest": ["install", "test"],
    "-bench": ["install", "test", "bench"],
    "-docs": ["docs"],
    "-slurm": ["slurm"],
}  # and in each what the package and its workflow need


@pytest.mark.parametrize("name", EXTRAS)
def test_everything_declared_is_locked_with_hashes(root, project, name):
    lock = root / f"requirements{name}.lock"
    for line in lines(lock):
        assert re.fullmatch(r"[a-z\d.-]+==[\w.]+( ; [^;#]+?)?( --hash=sha256:[\da-f]{64})+", line), line
    assert "://" not in lock.read_text()
    assert names(with_extras(project, *LIBRARY_EXTRAS, *EXTRAS[name])) <= locked_versions(lock).keys()


@pytest.mark.parametrize("name", ["-test", "-bench", "-slurm"])
def test_what_is_installed_upon_the_lock_has_its_versions(root, name):
    first, then = (locked_versions(root / f"requirements{part}.lock") for part in ("", name))
    assert {package: first[package] for package in first.keys() & then} == {
        package: then[package] for package in first.keys() & then
    }


def test_no_lock_is_left_out(root):
    assert {f"requirements{name}.lock" for name in EXTRAS} == {path.name for path in root.glob("*.lock")}


def test_nothing_installed_wants_what_is_not_there():
    """The environment is its lock, so that the lock is complete."""
    uv = Path(sys.executable).parent / "uv"
    check = subprocess.run([uv, "pip", "check", "--python", sys.executable], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_the_oldest_lock_holds_what_is_claimed(root, project):
    oldest = locked_versions(root / "requirements-oldest.lock")
    for requirement in with_extras(project, *LIBRARY_EXTRAS, "test"):
        name, minimum = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement).groups()
        found = oldest[name.lower().replace("_", "-")]
        assert re.sub(r"(\.0)+$", "", found) == re.sub(r"(\.0)+$", "", minimum), requirement


@pytest.mark.locked
def test_dependencies_are_listed_and_their_licences_go_together(dependencies):
    assert dependencies.PAGE.read_text() == dependencies.page(), "renew it: python docs/dependencies.py"
    for name in dependencies.locked():
        assert dependencies.COMPATIBLE.search(dependencies.licence(name)), name
