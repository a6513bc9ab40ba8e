"""Run one notebook by papermill, in a kernel forked from this process: ``python -m satqkd.workflow.notebook``."""

import argparse
import os
import resource
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from satqkd.workflow.preloaded import may_fork, preload_papermill

_PAPERMILL = ("--engine", "satqkd", "--log-output", "--no-progress-bar")


def run(arguments: list[str]) -> int:
    """Run a notebook in this process, which has imported what it needs, and return the exit status.

    The output of papermill and the notebook goes to the log. If the notebook fails, one sentence goes to standard
    error. Time, processor time and memory go to ``benchmarks/<name of the log>.tsv`` beside the log's folder.

    Parameters
    ----------
    arguments : list of str
        Notebook, output, ``--log`` and its file, then further options of papermill.

    Returns
    -------
    int
        0, or 1 if the notebook failed.
    """
    given, rest = _parser().parse_known_args(arguments)
    began = time.monotonic()
    log = Path(given.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    problem = _execute([given.notebook, given.output, *_PAPERMILL, *rest])
    sys.stdout.flush()
    sys.stderr.flush()
    if problem is None:
        _write_costs(log.parents[1] / "benchmarks" / f"{log.stem}.tsv", time.monotonic() - began)
        return 0
    os.write(terminal, f"{given.notebook} failed: {problem} (log: {log})\n".encode())
    return 1


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.workflow.notebook", allow_abbrev=False)
    parser.add_argument("notebook", help="notebook to run")
    parser.add_argument("output", help="executed notebook to write")
    parser.add_argument("--log", required=True, help="file for everything that is printed")
    return parser


def _execute(arguments: list[str]) -> str | None:
    """Run papermill's command; return the error message if it fails."""
    from papermill.cli import papermill
    from papermill.exceptions import PapermillExecutionError

    from satqkd.workflow.kernels import ForkedKernel

    os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "satqkd-forked"
    kernel = ForkedKernel.waiting = ForkedKernel() if may_fork() else None
    try:
        papermill(arguments, standalone_mode=False)
    except PapermillExecutionError as error:
        print(error, file=sys.stderr)
        return f"{error.ename}: {error.evalue}" if error.ename != "ScenarioError" else error.evalue
    except Exception as error:
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    finally:
        if kernel is not None:
            kernel.abandon()
            with suppress(ChildProcessError):
                kernel.wait()
    return None


def _write_costs(path: Path, seconds: float) -> None:
    """Write the costs of this process and its kernel, in the columns of Snakemake's benchmarks."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak_mb = sum(used.ru_maxrss for used in usage) / 1024
    cpu_s = sum(used.ru_utime + used.ru_stime for used in usage)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\tcpu_time\n{seconds:.4f}\t{peak_mb:.2f}\t{cpu_s:.2f}\n")


if __name__ == "__main__":
    preload_papermill()
    sys.exit(run(sys.argv[1:]))
