"""Licences of everything that the lock installs, as docs/licences.md: ``python docs/licences.py`` rewrites it."""

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/licences.md"
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
HEAD = """# Licences

What `requirements.lock` installs, and under which licence, by each package's own metadata (`python docs/licences.py`;
a test holds the page to the lock). satqkd itself is under the MIT licence. All of these are imported, none is copied
into this repository, and all are permissive or, with the MPL, bind only their own files; docutils has one file for an
editor under the GPL, which is not used.

| package | licence |
| --- | --- |
"""


def locked() -> list[str]:
    """Names in the lock that are installed here; it has those for other systems as well."""
    names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    installed = {re.sub(r"[-_.]+", "-", found.name).lower() for found in importlib.metadata.distributions()}
    return [name for name in dict.fromkeys(names) if name in installed]


def licence(name: str) -> str:
    """What a package says of its licence."""
    data = importlib.metadata.metadata(name)
    classifiers = [text.split(" :: ")[-1] for text in data.get_all("Classifier", []) if text.startswith("License")]
    stated = data.get("License-Expression") or "; ".join(classifiers) or (data.get("License") or "").split("\n")[0]
    return stated or FROM_FILE[name]


def page() -> str:
    """The page as it should be."""
    return HEAD + "".join(f"| {name} | {licence(name)} |\n" for name in locked())


if __name__ == "__main__":
    PAGE.write_text(page())
