"""Allow one run at a time in a folder, and clean up after a run that was killed or failed."""

import fcntl
import marshal
import os
import shutil
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import psutil

# The package's modules, and the installed ones.
MODULES = (Path(__file__).parents[1], Path(sysconfig.get_path("purelib")))
# In the environment of every process of a run: the folder that it works in.
MARK = "SATQKD_RUN"


class RunError(Exception):
    """A run that must not begin: one sentence that says why."""


def begin(folder: str | Path = ".") -> None:
    """Reserve a folder for this process until it ends, and remove what a killed run left there.

    A killed run leaves processes that continue without it, Snakemake's locks, and incomplete files.

    Parameters
    ----------
    folder : str or Path
        The working folder of Snakemake.

    Raises
    ------
    RunError
        If another run works in the folder, or its results cannot be written.
    """
    folder = Path(folder).resolve()
    results = folder / "results"
    for place in (folder, *([results] if results.exists() else [])):
        if not os.access(place, os.W_OK):
            raise RunError(f"{place}: cannot be written: make it writable, or work in a copy of the project")
    if not _lock(folder):
        return
    _end_processes(folder)
    for stale in (folder / ".snakemake/locks").glob("*.lock"):
        stale.unlink()
    for draft in results.rglob(".*.draft"):
        shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
    os.environ[MARK] = str(folder)


def remove_cut_bytecode(folders: Iterable[str | Path] = MODULES) -> None:
    """Remove compiled modules that this run has left incomplete, so that Python compiles them again.

    Where the disk is full, Python up to 3.13 keeps the part of a compiled module that found room, and no later run can
    import that module.

    Parameters
    ----------
    folders : iterable of str or Path
        Folders of modules, with all that is below them.
    """
    start_s = psutil.Process().create_time()
    for folder in folders:
        for path in Path(folder).rglob("__pycache__/*.pyc"):
            try:
                if path.stat().st_ctime >= start_s:
                    _require_whole(path)
            except (EOFError, ValueError, TypeError):
                path.unlink(missing_ok=True)
            except OSError:  # gone meanwhile, or another user's
                continue


def _require_whole(path: Path) -> None:
    """Read a compiled module, whatever marshal raises where it is cut."""
    header_bytes = 16
    marshal.loads(path.read_bytes()[header_bytes:])


def _lock(folder: Path) -> bool:
    """Lock a folder until this process ends; return False where the file system has no locks."""
    path = folder / ".snakemake/satqkd.lock"
    path.parent.mkdir(exist_ok=True)
    try:
        fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            f"{folder}: another run works here: wait until it ends, or work in a copy of the project"
        ) from None
    except OSError:  # on some file systems of clusters: rely on Snakemake's own lock, and remove nothing
        return False
    return True


def _end_processes(folder: Path) -> None:
    """End the jobs of a killed run, whose results nobody waits for."""
    jobs = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                process.kill()
                jobs.append(process)
        except psutil.Error:  # another user's, or gone
            continue
    psutil.wait_procs(jobs, timeout=10)
