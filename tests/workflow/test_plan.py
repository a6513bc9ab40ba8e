"""Snakemake and the planner."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = "results/plan/example"


@pytest.fixture(scope="module")
def project(project_in, tmp_path_factory):
    """The project with one scenario and nothing in results."""
    return project_in(tmp_path_factory.mktemp("project"), scenarios=["tiangong2"])


def plan(project, *values):
    return project.snakemake("plan", "--config", "plan=example", *values)


def test_element_sets_of_another_year_end_in_one_sentence_before_any_work(project):
    status, text = plan(project, "start=2023-01-01")
    assert status != 0 and "Traceback" not in text
    assert len(re.findall("has no element set within max_age_days=14 of 2023-01-15", text)) == 1
    assert not (project.folder / FOLDER).exists()


def test_a_plan_of_other_days_and_nothing_to_do_after_it(project):
    days = ("start=2018-09-14", "days=2")
    status, text = plan(project, *days)
    assert status == 0, text
    assert "links: 100%" in text
    names = {path.name for path in (project.folder / FOLDER).iterdir()}
    assert {"passes.csv", "links.csv", "plan.ics", "plan.czml", "calendar.svg", "calendar.png"} <= names
    rows = (project.folder / FOLDER / "passes.csv").read_text().splitlines()
    assert len(rows) > 20 and all(row.split(",")[2] >= "2018-09-14" for row in rows[1:])
    assert (project.folder / FOLDER / "logs/plan.log").read_text()
    status, text = plan(project, *days)
    assert status == 0 and "Nothing to be done" in text


def test_the_makefile_hands_its_days_on():
    text = (ROOT / "Makefile").read_text()
    assert re.search(r"^plan: .*\n\tsnakemake plan .*plan=\$\(PLAN\).*start=\$\(START\).*days=\$\(DAYS\)", text, re.M)
