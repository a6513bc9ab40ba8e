"""Import once what papermill and every notebook of the workflow import."""

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

FORKS = sys.platform == "linux"  # elsewhere the system's own libraries do not bear a fork
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
    """Return whether a fork of this process is sound: it has no second thread, whose locks nobody would release."""
    return FORKS and len(os.listdir("/proc/self/task")) == 1


def leave_out_format_checks() -> None:
    """Keep jsonschema from importing its checker of identifiers, which takes longer than the rest of papermill.

    jsonschema imports ``rfc3987_syntax`` where it is installed, which compiles 35 grammars at import, and does without
    it otherwise. No notebook asks for that check.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


@contextmanager
def _without_arrow() -> Iterator[None]:
    """Keep papermill and pandas from importing pyarrow, which both do only because it is installed.

    Its allocator starts a thread, and with a second thread no fork is sound. A kernel that reads Parquet imports it.
    """
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")  # for whatever imports it later
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
    """Import the package with numpy, xarray, numba and matplotlib, and what these look for at their first use."""
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
    gc.freeze()  # what is shared stays shared: the collector of a fork does not touch it
