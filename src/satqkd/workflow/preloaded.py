"""Import once what papermill and every notebook of the workflow import.

``jsonschema`` imports ``rfc3987_syntax``, where it is installed, to check the formats of strings: it compiles 35
grammars, which takes longer than all other imports of papermill together, and no notebook asks for such a check.
jsonschema does without it where its import fails.
"""

import gc
import importlib
import os
import sys
from io import BytesIO

FORKS = sys.platform == "linux"  # elsewhere the system's own libraries do not bear a fork
_UNUSED = "rfc3987_syntax"
_PAPERMILL = ("papermill.cli", "ipykernel.ipkernel", "ipykernel.kernelapp", "satqkd.workflow.kernels", "satqkd.workflow.engine")
_STAGES = ("orbit", "channel", "detection", "coincidence", "key", "bell", "fiber", "validation")
_SCIENCE = (
    *(f"satqkd.{stage}" for stage in _STAGES),
    *(f"satqkd.{stage}.figures" for stage in _STAGES),
    "satqkd.overview",
    "satqkd.papers",
    "satqkd.planning",
    "satqkd.planning.outlook",
)


def may_fork() -> bool:
    """Return whether a fork of this process is sound: it has no second thread, whose locks nobody would release."""
    return FORKS and len(os.listdir("/proc/self/task")) == 1


def preload_papermill() -> None:
    """Import papermill and what a kernel needs."""
    sys.modules.setdefault(_UNUSED, None)  # type: ignore[arg-type]
    for name in _PAPERMILL:
        importlib.import_module(name)


def preload_science() -> None:
    """Import the package with numpy, xarray, numba and matplotlib, and what these look for at their first use."""
    for name in _SCIENCE:
        importlib.import_module(name)
    import xarray as xr

    from satqkd.plot import new_figure

    xr.backends.list_engines()
    figure, _ = new_figure()
    for kind in ("svg", "png"):
        figure.savefig(BytesIO(), format=kind)
    gc.collect()
    gc.freeze()  # what is shared stays shared: the collector of a fork does not touch it
