"""What a user sees of bad input: a status that is not zero, one sentence, no traceback, and no file but in results/."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from satqkd.planner import __main__ as planner
from satqkd.planner import load_plan
from satqkd.report import __main__ as report
from satqkd.scenario import ScenarioError, load_scenario
from satqkd.sweep import grid as sweep
from satqkd.sweep.sweepfile import load_sweep
from satqkd.validation import __main__ as validation

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
NASTY = ["a'b", 'a"b', "$(touch owned)", "`touch owned`", "a\ntouch owned", "a;touch owned", "a|b", "../a", "-rf", "*"]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    path = tmp_path_factory.mktemp("project")
    for name in ("workflow", "notebooks", "data", "src"):
        shutil.copytree(ROOT / name, path / name)
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, path)
    return path


def test_only_plain_words_come_to_a_shell():
    """Of what a scenario says, its checked name alone: no name of a file, no title, no value."""
    commands = [
        command
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for command in re.findall(r"^    shell:\n((?:^        .*\n)+)", path.read_text(), re.MULTILINE)
    ]
    assert len(commands) > 8
    named = {name for command in commands for name in re.findall(r"\{(input[^{}]*)\}", command)}
    assert named and not {
        name for name in named if re.match(r"input(\.(elements|recordings|files|code|survey).*)?$", name)
    }


PATTERN = load_scenario(ROOT / "data/scenarios/yin2020.yaml").model_json_schema()["properties"]["name"]["pattern"]


@given(st.from_regex(PATTERN.replace("$", r"\Z")))
def test_a_name_that_is_allowed_is_a_plain_word(name):
    assert shlex.quote(name) == name and Path(name).name == name and not name.startswith(("-", "."))


@pytest.mark.parametrize("name", [*NASTY, "a\n", "a\x00", "é", ""])
@pytest.mark.parametrize("kind", ["scenarios/tiangong2", "plans/example", "sweeps/example"])
def test_names_that_a_shell_would_read_are_refused(kind, name, copied, refusal):
    path = copied / f"data/{kind}.yaml"
    whole = path.read_bytes()
    path.write_text(yaml.safe_dump(yaml.safe_load(whole) | {"name": name}))
    call = {"scenarios": load_scenario, "plans": load_plan, "sweeps": load_sweep}[kind.split("/")[0]]
    sentence = refusal(call, path, ScenarioError)
    path.write_bytes(whole)
    assert "name" in sentence and "\n" not in sentence


@pytest.mark.parametrize("days", [{"start": text} for text in NASTY] + [{"days": text} for text in NASTY])
def test_days_of_a_plan_that_a_shell_would_read_are_refused(days, copied, refusal):
    refusal(lambda path: load_plan(path, **days), copied / "data/plans/example.yaml", ScenarioError)


def test_notebooks_run_no_text_of_a_scenario():
    """Parameters are paths and plain values; no cell evaluates text, asks a shell or unpickles."""
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                assert not re.search(
                    r"\b(eval|exec|compile|pickle|subprocess|os\.system|__import__)\b|^\s*!", cell.source
                )
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"(?<![\w.])(eval|exec)\(|\bos\.system\b|shell=True|yaml\.(unsafe_load|full_load)\b", text)
        assert not re.search(r"allow_pickle=True|\bimport pickle\b|pickle\.loads?\(", text), path


TEXTS = [
    "",
    "name: [",
    "just words",
    "a: &a [1]\nb: *a\n",
    "name: !!python/name:os.system\n",
    "- 1\n",
    "name: x\nname: y\n",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (planner.main, ["{path}", "{folder}/out"]),
        (sweep.main, ["{path}", "block", "--first", "0", "--last", "1", "--output", "{folder}/out.nc"]),
        (report.main, ["parameters", "{path}", "{folder}/out.html"]),
        (report.main, ["validation", "{path}", "{folder}/out.html"]),
        (report.main, ["readme", "{path}"]),
        (report.main, ["check", "{path}"]),
        (validation.main, ["{path}"]),
        (sweep.main, ["{path}", "gather", "--blocks", "none.nc", "--output", "{folder}/out.nc"]),
    ],
)
def test_commands_on_files_that_are_none(main, arguments, text, tmp_path, monkeypatch, refusal):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    words = [word.format(path=path, folder=tmp_path) for word in arguments]
    monkeypatch.setattr(sys, "argv", ["command", *words])
    monkeypatch.chdir(tmp_path)
    refusal(lambda _: main(), path, SystemExit)
    assert [found.name for found in tmp_path.rglob("*")] == ["bad.yaml"]
