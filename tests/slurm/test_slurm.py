"""The workflow and sweeps through a real Slurm give the local bytes, also after jobs were killed: make test-slurm."""

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slurm
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SLURM = (
    *("--profile", "workflow/profiles/slurm", "--jobs", "2", "--latency-wait", "10"),
    *("--seconds-between-status-checks", "2", "--slurm-init-seconds-before-status-checks", "1"),
)
WHOLE = ("all", "sweep", "--config", "sweep=example")
SHORT = ("sweep", "--config", "sweep=short")
# With a time of day or of this run in them: how a result was made, not what it is.
OF_THE_RUN = ("logs", "benchmarks", "notebooks")


def project_in(folder):
    """A copy of the project with one scenario, two runs, a short sweep besides the example, and no results."""
    for name in ("workflow", "notebooks", "data", "src"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, folder)
    configuration = folder / "workflow/config.yaml"
    values = yaml.safe_load(configuration.read_text()) | {"scenarios": ["tiangong2"], "replicates": 2}
    configuration.write_text(yaml.safe_dump(values))
    aperture = {"name": "aperture", "keys": ["stations.0.aperture_m"], "unit": "m"}
    sweep = {
        "name": "short",
        "title": "Two jobs",
        "scenario": "tiangong2",
        "parameters": [aperture | {"range": {"start": 0.5, "stop": 2, "points": 120}}],
        "points_per_job": 60,
    }
    (folder / "data/sweeps/short.yaml").write_text(yaml.safe_dump(sweep))
    return folder


def started(project, arguments, environment):
    path = f"{BIN}{os.pathsep}{environment['PATH']}"
    return subprocess.Popen(
        [BIN / "snakemake", *arguments],
        cwd=project,
        env=environment | {"PATH": path, "PYTHONPATH": str(project / "src")},
        text=True,
        stdout=(project / "said.txt").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def completed(project, process, seconds=900):
    """Exit status of a run, and what it said."""
    try:
        process.wait(seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, (project / "said.txt").read_text()


def results(project):
    """Bytes by name of every result file; drafts would be among them."""
    folder = project / "results"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not set(OF_THE_RUN) & set(path.relative_to(folder).parts)
        and not path.name.endswith(".provenance.json")
    }


def assert_same(found, expected):
    assert set(found) == set(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def local_results(project, arguments):
    """Results of an undisturbed run on this machine."""
    status, said = completed(project, started(project, ("--cores", "2", *arguments), os.environ))
    assert status == 0, said
    return results(project)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return local_results(project_in(tmp_path_factory.mktemp("short")), SHORT)


@pytest.fixture
def project(tmp_path):
    return project_in(tmp_path)


def running_block(cluster, project):
    """Number of a job that computes a block of the short sweep, or nothing."""
    logs = list((project / "results/sweep/short/logs/blocks").glob("*.log"))
    blocks = [number for number, rule in cluster.jobs("running") if "sweep_block" in rule]
    return blocks[0] if logs and blocks else None


def numbers(cluster):
    return {number for number, _ in cluster.jobs()}


def measured_mb(project):
    """Peak of the resident memory by rule, from the benchmark of every job."""
    peak = {}
    for file in (project / "results").rglob("*.tsv"):
        if "benchmarks" in file.parts:
            kind = {"blocks": "sweep_block", "events": "sweep_event"}
            inside = file.parts[file.parts.index("benchmarks") + 1]
            rule = kind.get(inside, file.stem.lstrip("0123456789_"))
            with file.open() as lines:
                seen = [row["max_rss"] for row in csv.DictReader(lines, delimiter="\t")]
            peak[rule] = max(peak.get(rule, 0.0), *(float(mb) for mb in seen if mb not in ("-", "NA")), 0.0)
    return peak


def test_the_whole_workflow_and_a_sweep_are_the_local_runs_bytes(cluster, project, tmp_path_factory):
    before, twin = numbers(cluster), project_in(tmp_path_factory.mktemp("local"))  # of the same sources
    status, said = completed(project, started(project, (*SLURM, *WHOLE), cluster.environment))
    assert status == 0, said
    assert_same(results(project), local_results(twin, WHOLE))
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
    process = started(project, (*SLURM, *SHORT), cluster.environment)
    cluster.call("scancel", cluster.wait_for(lambda: running_block(cluster, project), 240, "no block began"))
    status, said = completed(project, process)
    assert status == 0, said
    assert "Trying to restart job" in said
    assert len(numbers(cluster) - before) == 2 + 1 + 1  # blocks, the one again, and what gathers them
    assert_same(results(project), short)


def test_a_cancelled_job_is_reported_and_leaves_nothing_behind(cluster, project, short):
    arguments = (*SLURM, "--restart-times", "0", *SHORT)
    process = started(project, arguments, cluster.environment)
    cluster.call("scancel", cluster.wait_for(lambda: running_block(cluster, project), 240, "no block began"))
    status, said = completed(project, process)
    assert status != 0 and "Error in rule sweep_block" in said and "Traceback" not in said
    left = results(project)
    assert len(left) == 1 and all("first~" in name and name.endswith(".nc") for name in left)  # the other block
    status, said = completed(project, started(project, arguments, cluster.environment))
    assert status == 0, said
    assert_same(results(project), short)


def test_a_node_that_dies_in_mid_run(cluster, project, short):
    process = started(project, (*SLURM, *SHORT), cluster.environment)
    number = cluster.wait_for(lambda: running_block(cluster, project), 240, "no block began")
    cluster.lose_node(number)
    cluster.wait_for(lambda: cluster.node_state().startswith("down"), 90, "nobody missed the node")
    cluster.start("slurmd")
    cluster.wait_for(lambda: not cluster.node_state().startswith("down"), 60, "the node did not come back")
    status, said = completed(project, process)
    assert status == 0, said
    assert "Restarts=1" in cluster.call("scontrol", "show", "job", number)
    assert_same(results(project), short)
