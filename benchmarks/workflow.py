"""Compare the whole workflow with the same number of notebooks that only import, run by plain papermill."""

import os
import resource
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

IMPORTS_WORKFLOW = """
rule all:
    input:
        expand("out/{{number}}.ipynb", number=range({count})),

rule imports:
    input:
        "imports.ipynb",
    output:
        "out/{{number}}.ipynb",
    shell:
        "papermill {{input}} {{output}}"
        " --log-output --no-progress-bar -p number {{wildcards.number}} > {{output}}.log 2>&1"
"""


def rows(cores: int | None = None) -> list[dict]:
    """Measure wall and CPU time of `snakemake` on a copy of the project, and of the same number of notebooks with
    only imports.
    """
    cores = cores or os.cpu_count()
    with TemporaryDirectory() as folder:
        ours = Path(folder) / "ours"
        for name in ("workflow", "notebooks", "data", "src"):
            shutil.copytree(name, ours / name)
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(name, ours)
        ours_cost = _cost(ours, cores)
        count = sum(1 for _ in ours.glob("results/**/notebooks/*.ipynb"))
        peer = Path(folder) / "peer"
        peer.mkdir()
        shutil.copy("benchmarks/imports.ipynb", peer)
        (peer / "Snakefile").write_text(IMPORTS_WORKFLOW.format(count=count))
        peer_cost = _cost(peer, cores)
    return [
        {
            "what": f"make results, {unit}",
            "size": count,
            "ours": round(a, 1),
            "peer": round(b, 1),
            "unit": "s",
            "ratio": round(a / b, 3),
            "ratio_is": "ours / peer",
            "peer_is": "notebooks that only import numpy, scipy, xarray, matplotlib",
            "cores": cores,
        }
        for unit, a, b in zip(("wall", "cpu"), ours_cost, peer_cost, strict=True)
    ]


def _cost(folder: Path, cores: int) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        ["snakemake", "--cores", str(cores), "--quiet", "all"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
