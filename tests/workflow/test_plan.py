"""Snakemake and the planner."""

import pytest

FOLDER = "results/plan/example"


@pytest.fixture(scope="module")
def project(project_in, tmp_path_factory):
    """The project with one scenario and nothing in results."""
    return project_in(tmp_path_factory.mktemp("project"), scenarios=["tiangong2"])


def plan(project, *values):
    return project.snakemake("plan", "--config", "plan=example", *values)


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
