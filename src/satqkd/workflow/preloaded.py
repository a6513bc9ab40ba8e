"""Import once what papermill and the notebooks of the workflow need."""

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

FORKS = sys.platform == "linux"  # elsewhere system libraries are not safe to fork
_PAPERMILL = ("papermill.cli", "ipykernel.kernelapp", "satqkd.workflow.engine", "satqkd.workflow.kernels")
_STAGES = ("orbit", "channel", "detection", "coincidence", "key", "bell", "fiber", "validation")
_SCIENCE = (
    *(f"satqkd.{stage}" for stage in _STAGES),
    *(f"satqkd.{stage}.figures" for stage in _STAGES),
    "satqkd.overview",
    "satqkd.papers",
    "satqkd.planner",
    "satqkd.tables",
    "satqkd.analytic.outlook",
    "scipy.stats",
)


def may_fork() -> bool:
    """Return whether it is safe to fork this process: it has no second thread, whose locks would never be released."""
    return FORKS and len(os.listdir("/proc/self/task")) == 1


def leave_out_format_checks() -> None:
    """Keep jsonschema from importing ``rfc3987_syntax``, which takes longer than the rest of papermill.

    jsonschema imports it only if it is installed, to check identifiers, which no notebook needs; it compiles 35
    grammars when it is imported.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


@contextmanager
def _without_arrow() -> Iterator[None]:
    """Keep papermill and pandas from importing pyarrow, which they import only because it is installed.

    Its allocator starts a thread, and with a second thread a fork is not safe. A kernel that reads Parquet imports it.
    """
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")  # for kernels that import it later
    absent = "pyarrow" not in sys.modules
    if absent:
        sys.modules["pyarrow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if absent:
            del sys.modules["pyarrow"]


def preload_papermill() -> None:
    """Import papermill and what a kernel needs."""
    leave_out_format_checks()
    with _without_arrow():
        for name in _PAPERMILL:
            importlib.import_module(name)


def preload_science() -> None:
    """Import the package with numpy, xarray, numba and matplotlib, and what these load at their first use."""
    with _without_arrow():
        for name in _SCIENCE:
            importlib.import_module(name)
        import xarray as xr

        from satqkd.plot import new_figure
        from satqkd.tables import Table

        xr.backends.list_engines()
        figure, _ = new_figure()
        for kind in ("svg", "png"):
            figure.savefig(BytesIO(), format=kind)
        Table({"outcome": [1.0]})._repr_html_()
    gc.collect()
    gc.freeze()  # the collector of a fork does not touch this memory, so it stays shared
