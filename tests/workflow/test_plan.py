"""Snakemake and the planner."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FOLDER = "results/plan/example"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with nothing in results."""
    path = tmp_path_factory.mktemp("project")
    for name in ("workflow", "data", "src"):
        shutil.copytree(ROOT / name, path / name)
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, path)
    return path


def snakemake(project, *values):
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["snakemake", "plan", "--cores", "1", "--config", "scenarios=[tiangong2]", "plan=example", *values],
        cwd=project,
        env=environment,
        text=True,
        capture_output=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_element_sets_of_another_year_end_in_one_sentence_before_any_work(project):
    status, text = snakemake(project, "start=2023-01-01")
    assert status != 0 and "Traceback" not in text
    assert len(re.findall("has no element set within max_age_days=14 of 2023-01-15", text)) == 1
    assert not (project / FOLDER).exists()


def test_a_plan_of_other_days_and_nothing_to_do_after_it(project):
    days = ("start=2018-09-14", "days=2")
    status, text = snakemake(project, *days)
    assert status == 0, text
    assert "links: 100%" in text
    names = {path.name for path in (project / FOLDER).iterdir()}
    assert {"passes.csv", "links.csv", "plan.ics", "plan.czml", "calendar.svg", "calendar.png"} <= names
    rows = (project / FOLDER / "passes.csv").read_text().splitlines()
    assert len(rows) > 20 and all(row.split(",")[2] >= "2018-09-14" for row in rows[1:])
    assert (project / FOLDER / "logs/plan.log").read_text()
    status, text = snakemake(project, *days)
    assert status == 0 and "Nothing to be done" in text


def test_the_makefile_hands_its_days_on():
    text = (ROOT / "Makefile").read_text()
    assert re.search(r"^plan: .*\n\tsnakemake plan .*plan=\$\(PLAN\).*start=\$\(START\).*days=\$\(DAYS\)", text, re.M)
