"""The workflow and sweeps through a real Slurm give the local bytes, also after jobs were killed: make test-slurm."""

import csv
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slurm
SLURM = (
    *("--profile", "workflow/profiles/slurm", "--jobs", "2", "--latency-wait", "10"),
    *("--slurm-init-seconds-before-status-checks", "1"),
)
POLL_OFTEN = Path(__file__).with_name("poll_often.py")
WHOLE = ("all", "sweep", "--config", "sweep=events")
SHORT = ("sweep", "--config", "sweep=short")
APERTURE = {"name": "aperture", "keys": ["stations.0.aperture_m"], "unit": "m"}
SHORT_SWEEP = {
    "name": "short",
    "title": "Two jobs",
    "scenario": "tiangong2",
    "parameters": [APERTURE | {"range": {"start": 0.5, "stop": 2, "points": 120}}],
    "points_per_job": 60,
}
SWEEPS = SHORT_SWEEP, SHORT_SWEEP | {"name": "events", "simulate": [{"aperture": 0.5}], "replicates": 1}


@pytest.fixture(scope="module")
def new_project(project_in, tmp_path_factory):
    """A copy of the project with one scenario, two runs and short sweeps, and no results."""

    def made():
        project = project_in(tmp_path_factory.mktemp("project"), scenarios=["tiangong2"], replicates=2)
        for sweep in SWEEPS:
            (project.folder / f"data/sweeps/{sweep['name']}.yaml").write_text(yaml.safe_dump(sweep))
        return project

    return made


@pytest.fixture
def project(new_project):
    return new_project()


def local_results(project, arguments):
    """Results of an undisturbed run on this machine."""
    status, said = project.run("snakemake", "--cores", "2", *arguments)
    assert status == 0, said
    return project.results()


def through_slurm(cluster, project, arguments):
    """A run that has begun."""
    return project.start(sys.executable, str(POLL_OFTEN), *SLURM, *arguments, environment=cluster.environment)


@pytest.fixture(scope="module")
def short(new_project):
    return local_results(new_project(), SHORT)


def running_block(cluster, project):
    """Number of a job that computes a block of the short sweep, or nothing."""
    logs = list((project.folder / "results/sweep/short/logs/blocks").glob("*.log"))
    blocks = [number for number, rule in cluster.jobs("running") if "sweep_block" in rule]
    return blocks[0] if logs and blocks else None


def numbers(cluster):
    return {number for number, _ in cluster.jobs()}


def measured_mb(project):
    """Peak of the resident memory by rule, from the benchmark of every job."""
    peak = {}
    for file in (project.folder / "results").rglob("*.tsv"):
        if "benchmarks" in file.parts:
            kind = {"blocks": "sweep_block", "events": "sweep_event"}
            inside = file.parts[file.parts.index("benchmarks") + 1]
            rule = kind.get(inside, file.stem.lstrip("0123456789_"))
            with file.open() as lines:
                seen = [row["max_rss"] for row in csv.DictReader(lines, delimiter="\t")]
            peak[rule] = max(peak.get(rule, 0.0), *(float(mb) for mb in seen if mb not in ("-", "NA")), 0.0)
    return peak


def test_the_whole_workflow_and_a_sweep_are_the_local_runs_bytes(cluster, project, new_project):
    before, twin = numbers(cluster), new_project()  # of the same sources
    status, said = project.end(through_slurm(cluster, project, WHOLE), 1800)
    assert status == 0, said
    project.assert_results(local_results(twin, WHOLE))
    jobs = [job for job in cluster.table("%i|%k|%m|%T") if job[0] not in before]
    assert {state for *_, state in jobs} == {"COMPLETED"}  # within the run time that they declared, too
    declared = {name.removeprefix("rule_"): int(memory.removesuffix("M")) for _, name, memory, _ in jobs}
    measured = measured_mb(project)
    assert {"detection", "key", "overview", "sweep_block", "sweep_event"} <= set(measured)
    for rule, peak_mb in measured.items():
        limits = [limit_mb for name, limit_mb in declared.items() if name.startswith(rule)]
        assert limits and 0 < peak_mb < min(limits), rule


def test_a_cancelled_job_is_submitted_again(cluster, project, short):
    before = numbers(cluster)
    process = through_slurm(cluster, project, SHORT)
    cluster.call("scancel", cluster.wait_for(lambda: running_block(cluster, project), 240, "no block began"))
    status, said = project.end(process)
    assert status == 0, said
    assert "Trying to restart job" in said
    assert len(numbers(cluster) - before) == 2 + 1 + 1  # blocks, the one again, and what gathers them
    project.assert_results(short)


def test_a_cancelled_job_is_reported_and_leaves_nothing_behind(cluster, project, short):
    arguments = ("--restart-times", "0", *SHORT)
    process = through_slurm(cluster, project, arguments)
    cluster.call("scancel", cluster.wait_for(lambda: running_block(cluster, project), 240, "no block began"))
    status, said = project.end(process)
    assert status != 0 and "Error in rule sweep_block" in said and "Traceback" not in said
    left = project.results()
    assert len(left) == 1 and all("first~" in name and name.endswith(".nc") for name in left)  # the other block
    status, said = project.end(through_slurm(cluster, project, arguments))
    assert status == 0, said
    project.assert_results(short)


def test_a_node_that_dies_in_mid_run(cluster, project, short):
    process = through_slurm(cluster, project, SHORT)
    number = cluster.wait_for(lambda: running_block(cluster, project), 240, "no block began")
    cluster.lose_node(number)
    cluster.wait_for(lambda: cluster.node_state().startswith("down"), 90, "nobody missed the node")
    cluster.start("slurmd")
    cluster.wait_for(lambda: not cluster.node_state().startswith("down"), 60, "the node did not come back")
    status, said = project.end(process)
    assert status == 0, said
    assert "Restarts=1" in cluster.call("scontrol", "show", "job", number)
    project.assert_results(short)
