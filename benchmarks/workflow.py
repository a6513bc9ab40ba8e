"""What the whole workflow costs against notebooks that only import the science packages, by the same route."""

import os
import resource
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

EMPTY_WORKFLOW = """
rule all:
    input:
        expand("out/{{number}}.ipynb", number=range({count})),

rule empty:
    input:
        "empty.ipynb",
    output:
        "out/{{number}}.ipynb",
    shell:
        "papermill {{input}} {{output}}"
        " --log-output --no-progress-bar -p number {{wildcards.number}} > {{output}}.log 2>&1"
"""


def workflow_cost(cores: int | None = None) -> list[dict]:
    """Wall and CPU seconds of `snakemake` on a copy of the project, and of as many empty notebooks."""
    cores = cores or os.cpu_count()
    with TemporaryDirectory() as folder:
        ours = Path(folder) / "ours"
        for name in ("workflow", "notebooks", "data", "src"):
            shutil.copytree(name, ours / name)
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(name, ours)
        ours_cost = _cost(ours, cores)
        count = sum(1 for _ in ours.glob("results/**/notebooks/*.ipynb"))
        empty = Path(folder) / "empty"
        empty.mkdir()
        shutil.copy("benchmarks/empty.ipynb", empty)
        (empty / "Snakefile").write_text(EMPTY_WORKFLOW.format(count=count))
        empty_cost = _cost(empty, cores)
    return [
        {
            "what": f"make results, {unit}",
            "size": count,
            "ours": round(a, 1),
            "peer": round(b, 1),
            "unit": "s",
            "ratio": round(a / b, 3),
            "peer_is": "notebooks that only import",
            "cores": cores,
        }
        for unit, a, b in zip(("wall", "cpu"), ours_cost, empty_cost, strict=True)
    ]


def _cost(folder: Path, cores: int) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        ["snakemake", "--cores", str(cores), "--quiet", "all"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
