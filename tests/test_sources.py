"""Which files a notebook or a module uses, and that every rule depends on what it runs."""

import re
import subprocess
import sys

import nbformat

from satqkd.workflow.sources import PACKAGE, digest_of, sources_of

# Of the notebooks and modules that rules run, those that use most.
STARTS = ("notebooks/overview.ipynb", "satqkd.sweep.grid")
# Each start in a fork of its own of one process, which has imported what they share of others.
IMPORTED = """
import os, sys
import matplotlib.pyplot, scipy.optimize, scipy.stats, xarray, zarr
assert "satqkd" not in sys.modules
for number, statements in enumerate(STARTS):
    if os.fork() == 0:
        exec(statements)
        files = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "satqkd"]
        print(*(f"{number} {file}" for file in files), sep="\\n", flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
"""


def imports_of(start, root):
    """Statements by which a notebook or a module begins."""
    if not start.endswith(".ipynb"):
        return f"import {start}"
    cells = nbformat.read(root / start, as_version=4).cells
    lines = "\n".join(cell.source for cell in cells if cell.cell_type == "code").splitlines()
    return "\n".join(line for line in lines if line.startswith(("import ", "from ")))


def test_all_that_is_really_imported_is_found(root):
    program = IMPORTED.replace("STARTS", repr([imports_of(start, root) for start in STARTS]))
    said = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True).stdout
    for number, start in enumerate(STARTS):
        real = {line.partition(" ")[2] for line in said.splitlines() if line.startswith(f"{number} ")}
        assert len(real) > 5
        assert real <= set(map(str, sources_of(root / start if start.endswith(".ipynb") else start)))


def test_a_stage_depends_on_no_other_stage(root):
    """But for the tables of its notebook, which hold outcomes against published values as stage 8 does."""
    tables = sources_of("satqkd.tables")
    used = {path.relative_to(PACKAGE).parts[0] for path in sources_of(root / "notebooks/02_channel.ipynb")}
    shown = {path.relative_to(PACKAGE).parts[0] for path in tables}
    stages = {"orbit", "detection", "coincidence", "key", "bell", "fiber", "analytic", "validation"}
    assert "channel" in used and used & stages == shown & stages == {"validation"}
    assert not {path.relative_to(PACKAGE).parts[0] for path in sources_of("satqkd.channel")} & stages


def test_an_import_inside_a_function_counts(root):
    assert PACKAGE / "plot.py" in sources_of("satqkd.workflow.preloaded")


def test_the_digest_is_that_of_the_files(root, monkeypatch):
    digest_of.cache_clear()
    before = digest_of("satqkd.report"), digest_of("satqkd.planner")
    read, changed = type(PACKAGE).read_bytes, PACKAGE / "report/page.py"
    monkeypatch.setattr(type(PACKAGE), "read_bytes", lambda path: read(path) + b"#" * (path == changed))
    digest_of.cache_clear()
    assert digest_of("satqkd.report") != before[0] and digest_of("satqkd.planner") == before[1]
    digest_of.cache_clear()


def test_every_rule_depends_on_what_it_runs(root):
    """A rule's `code` is the digest of the notebook, or of the module, that its command names."""
    rules = 0
    for path in (root / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        for block in re.split(r"^ *(?=rule\b)", text, flags=re.MULTILINE)[1:]:
            command = re.search(r"python (?:-m (satqkd[\w.]*)|workflow/scripts/notebook.py \{input.notebook\})", block)
            if command is None:
                continue
            rules += 1
            start = command[1] or re.search(r'notebook="([\w/.]+)"', block)[1]
            named = set(re.findall(r'code=digest_of\("([^"]+)"\)', block))
            assert named == {start}, (path.name, start)
            assert block.count("code=digest_of") == block.count("params:"), path.name
    assert rules >= 14
