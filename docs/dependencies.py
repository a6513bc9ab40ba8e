"""What the package takes from others, as docs/dependencies.md: ``python docs/dependencies.py`` rewrites it."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/dependencies.md"
# What permissive or weak copyleft licences call themselves; none asks anything of a package that only imports.
COMPATIBLE = re.compile(
    r"MIT|BSD|Apache|ISC|Mozilla Public License 2\.0|MPL-2\.0|Python Software Foundation|PSF-2\.0|Public Domain"
)
# Neither an expression nor a classifier in their metadata: from the LICENSE file of each.
FROM_FILE = {
    name: "MIT"
    for name in (
        "conda-inject",
        "snakemake-interface-common",
        "snakemake-interface-logger-plugins",
        "snakemake-interface-report-plugins",
        "snakemake-interface-scheduler-plugins",
        "snakemake-interface-storage-plugins",
        "snakemake-logger-plugin-rich",
    )
}
# Of each direct dependency: what for; why this one, and what else there is; when its newest release was made.
AUTUMN, SUMMER = "since September 2026", "June to August 2026"
SPRING, OLDER = "December 2025 to May 2026", "before June 2025"
DIRECT = {
    "click": (
        "the command `satqkd`",
        "papermill brings it too; argparse takes more code for nested commands",
        AUTUMN,
    ),
    "icalendar": ("a plan for calendar programs", "knows all of RFC 5545; ours knew a part", SUMMER),
    "ipykernel": ("kernel of the notebooks", "Jupyter's own", AUTUMN),
    "ipywidgets": ("sliders of the explorer", "Jupyter's own; panel's saved pages need a network", SUMMER),
    "jupyter-client": ("kernels forked for notebooks", "Jupyter's own", SUMMER),
    "jupyterlab": ("`make lab`", "Jupyter's own; no rule of the workflow needs it", AUTUMN),
    "llvmlite": ("compiler of numba", "comes with numba; named to hold its minimum", AUTUMN),
    "matplotlib": ("all figures", "none weighed; its SVG has the same bytes each time", AUTUMN),
    "netcdf4": ("data sets of a fixed size", "xarray's default; h5netcdf needs h5py as well", AUTUMN),
    "numba": ("hot loops", "plain Python beside its twin; Cython and C need a compiler at the user's", AUTUMN),
    "numpy": ("arrays", "none weighed", SPRING),
    "pandas": ("tables and CSV", "what xarray stands on; polars only in benchmarks", AUTUMN),
    "papermill": ("runs a notebook with parameters", "Snakemake's `notebook:` was 1.4 times slower", SPRING),
    "pyarrow": (
        "Parquet files of tags",
        "fastparquet is retired; arro3 aborts the interpreter on damaged files, pyarrow refused them",
        AUTUMN,
    ),
    "pydantic": ("models of scenarios, plans, sweeps, references", "gives the JSON schema too", AUTUMN),
    "psutil": ("ends what a killed run left", "the standard library lists no processes", SPRING),
    "pyerfa": (
        "sidereal time and the Sun",
        "the IAU's routines; skyfield and astropy fetch files",
        OLDER,
    ),
    "pyyaml": (
        "parses YAML, with a resolver of YAML 1.2 of ours",
        "ruamel.yaml takes 7.5 times as long, and its libyaml cannot parse six of our eight scenarios",
        AUTUMN,
    ),
    "scipy": ("distributions, root finding, least squares", "none weighed", SPRING),
    "sgp4": ("orbit propagation", "vectorised and needs no data; skyfield stands on it", SUMMER),
    "snakemake": ("the workflow", "files decide what is run again; make has no clusters", AUTUMN),
    "snakemake-logger-plugin-rich": ("progress on the screen", "Snakemake's own", AUTUMN),
    "tqdm": ("progress of simulations and plans", "comes with papermill", AUTUMN),
    "traitlets": ("options of kernels", "comes with Jupyter", SUMMER),
    "xarray": ("data sets with units and coordinates", "none weighed", AUTUMN),
    "zarr": ("time tags in chunks", "none weighed; one file a chunk, appended to as tags come", SPRING),
}
HEAD = """# Dependencies

What the package takes from others, why, and under which licence. `python docs/dependencies.py` rewrites this page; a
test holds it to `pyproject.toml` and to the lock. satqkd itself is under the MIT licence. All of these are imported,
none is copied into this repository, and all are permissive or, with the MPL, bind only their own files; docutils has
one file for an editor under the GPL, which is not used.

## Asked for by name

The last column is the newest release for Python 3.11, as of November 2026.

| package | what for | why this one | licence | newest release |
| --- | --- | --- | --- | --- |
"""
SIZES = """
What is installed takes 1.2 GB with the tests' packages. The heaviest [MB]: llvmlite 172, pyarrow 166, playwright 161
(tests only), scipy 113, numpy 59, pandas 46, uv 40, pulp 36 (solver of Snakemake), numcodecs 35 (of zarr), babel and
jedi 33 each (of JupyterLab and IPython).

Looked at and left out:

- **czml3** 4.0.0 for the planner's CZML. It requires python-dateutil below 3, and would hold the whole environment,
  which has 4.0.0, at an older one for 130 lines of JSON.
- **ruamel.yaml** 0.19.1, for the reasons above: 9 to 19 ms of processor time a mission, where PyYAML's
  libyaml 0.2.5 takes 1.0 to 2.5 ms with all checks. Its own C parsers contain libyaml 0.1.7.
- **arro3** 0.9.1 for Parquet, 33 MB: one of the first 1643 damaged files ended the process by a panic that
  Python cannot catch. pyarrow 26.0.1 refused or read 32 000 such files.

## All that the lock installs

| package | licence |
| --- | --- |
"""


def locked() -> list[str]:
    """Return the names in the lock that belong to this Python and system."""
    entries = re.findall(r"^([\w.-]+)==\S+(?: ; (.+?))? \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return [name for name, marker in entries if not marker or Marker(marker).evaluate()]


def licence(name: str) -> str:
    """Return what a package says of its licence."""
    data = importlib.metadata.metadata(name)
    classifiers = [text.split(" :: ")[-1] for text in data.get_all("Classifier", []) if text.startswith("License")]
    stated = data.get("License-Expression") or "; ".join(classifiers) or (data.get("License") or "").split("\n")[0]
    return stated or FROM_FILE[name]


def asked_for() -> list[str]:
    """Return the names of the dependencies in pyproject.toml: of the library, and of the extras that results need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    entries = [*project["dependencies"], *extras["workflow"], *extras["notebooks"]]
    return sorted(re.match(r"[\w.-]+", entry)[0].lower() for entry in entries)


def page() -> str:
    """Return the page as it should be."""
    direct = "".join(
        f"| {name} | {what} | {why} | {licence(name)} | {released} |\n"
        for name, (what, why, released) in ((name, DIRECT[name]) for name in asked_for())
    )
    return HEAD + direct + SIZES + "".join(f"| {name} | {licence(name)} |\n" for name in locked())


if __name__ == "__main__":
    PAGE.write_text(page())
