"""What docs/design.md promises of the package's build."""

import ast
import functools
import importlib

import pytest

STAGES = ("orbit", "channel", "detection", "coincidence", "key", "bell", "fiber")
COMMON = {"scenario", "dataset", "files", "streams", "plot", "flight", "bench", "result"}
# Stage 3 asks what Eve does to its light.
ALSO = {"detection": {"attack"}}
ABOVE = (
    "analytic",
    "calibration",
    "counts",
    "planner",
    "sweep",
    "explorer",
    "papers",
    "overview",
    "tables",
    "laboratory",
)
PROMISED = {
    "satqkd": ["load_scenario"],
    "satqkd.orbit": ["passes", "propagate"],
    "satqkd.channel": ["link_budget"],
    "satqkd.calibration": ["sample", "read_problem"],
    "satqkd.detection": ["simulate", "read_tags", "write_tags"],
    "satqkd.coincidence": ["recover_clock", "match", "count", "histogram", "sift"],
    "satqkd.key": ["bbm92_key_length", "decoy_key_length", "cascade", "toeplitz"],
    "satqkd.bell": ["chsh"],
    "satqkd.fiber": ["compare"],
    "satqkd.validation": ["compare"],
}


@functools.cache
def tree_of(path):
    """A file's syntax tree; each is parsed once."""
    return ast.parse(path.read_text())


def imported(path, package):
    """Names of satqkd's modules that a file imports, wherever in the file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1]] if node.level else [])
            name = ".".join(filter(None, [base, node.module]))
            yield name
            if name == "satqkd":
                yield from (f"satqkd.{alias.name}" for alias in node.names)


def parts(path, package):
    """First-level parts of satqkd that a file imports."""
    return {name.split(".")[1] for name in imported(path, package) if name.startswith("satqkd.")}


@pytest.mark.parametrize("stage", [*STAGES, "validation"])
def test_a_stage_imports_no_other_stage(root, stage):
    files = sorted((root / "src/satqkd" / stage).rglob("*.py"))
    assert files
    for file in files:
        assert parts(file, f"satqkd.{stage}") <= COMMON | {stage} | ALSO.get(stage, set()), file


def test_common_ground_imports_no_stage(root):
    for name in COMMON:
        place = root / "src/satqkd" / name
        for file in place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
            assert parts(file, "satqkd") <= COMMON


def test_what_eve_does_imports_no_stage(root):
    for file in (root / "src/satqkd/attack").glob("*.py"):
        assert parts(file, "satqkd.attack") <= COMMON | {"attack"}, file


def test_topic_files_know_neither_scenarios_nor_data_sets(root):
    """The physics is on plain arrays: only a stage's own files, its figures and what reads files go beyond."""
    wider = {"stage", "figures", "__init__", "recordings", "sessions", "pulse_sessions", "report"}
    for stage in STAGES:
        for file in (root / "src/satqkd" / stage).rglob("*.py"):
            if file.stem not in wider:
                names = set(imported(file, f"satqkd.{stage}"))
                assert not {"satqkd.scenario", "xarray"} & names, file


def test_stages_after_detection_never_open_the_truth(root):
    for stage in ("coincidence", "key", "bell", "fiber"):
        for file in (root / "src/satqkd" / stage).rglob("*.py"):
            texts = [
                node.value
                for node in ast.walk(tree_of(file))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            assert not [text for text in texts if "truth.nc" in text or text.strip() == "truth"], file


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_hands_on_its_observables(stage):
    module = importlib.import_module(f"satqkd.{stage}")
    assert callable(module.observables)
    assert module.observables is importlib.import_module(f"satqkd.{stage}.stage").observables


@pytest.mark.parametrize("module", PROMISED)
def test_promised_names_are_there(module):
    exported = importlib.import_module(module)
    for name in PROMISED[module]:
        assert callable(getattr(exported, name))
        assert name in exported.__all__


@pytest.mark.parametrize("stage", [*STAGES, "validation", "attack", *ABOVE])
def test_init_files_define_nothing(root, stage):
    body = ast.parse((root / "src/satqkd" / stage / "__init__.py").read_text()).body
    kinds = {type(node) for node in body[1:]}
    assert kinds <= {ast.ImportFrom, ast.Assign}
    assert isinstance(body[0], ast.Expr)
