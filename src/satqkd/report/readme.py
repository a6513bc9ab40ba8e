"""Write the summary in README.md: a table of counts and a small figure, both from docs/validation.csv.

`docs/validation.csv` has the rows of the last full run. A test compares README and figure with it, and CI compares it
with the table that the workflow has just made, so that an outdated summary is noticed.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from satqkd.plot import BLACK, in_style, new_figure, save_svg
from satqkd.validation import tally
from satqkd.validation.compare import AGREES, VERDICTS
from satqkd.validation.figures import MARKERS, Z_LIMIT

ROLES = ("predicted", "calibrated", "formula")
KEPT = ["scenario", "id", "role", "verdict", "z", "relative_deviation", "relative_width"]
# Pages with a summary block.
PAGES = ("README.md", "paper.md")
BLOCK = re.compile(r"(<!-- validation -->\n).*?(<!-- end -->)", re.DOTALL)
# Last digits differ between processors. Only changes that are visible in the figure count.
READABLE = 0.02
BIN = 0.25
HEIGHT = 0.1


def kept(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of ``results/validation.csv`` that are kept, numbers to the digits that can be read.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> kept(frame).columns.tolist()
    ['scenario', 'id', 'role', 'verdict', 'z', 'relative_deviation', 'relative_width']
    """
    return table[KEPT].round({"z": 2, "relative_deviation": 4, "relative_width": 4})


def summary(frame: pd.DataFrame) -> str:
    """Return the counts by role and verdict as a table in Markdown.

    Examples
    --------
    >>> print(summary(pd.DataFrame({"role": ["predicted"], "verdict": ["within"]})))
    |  | within | vague | listed | outside | missing | all |
    | --- | --- | --- | --- | --- | --- | --- |
    | predicted | 1 | 0 | 0 | 0 | 0 | 1 |
    | calibrated | 0 | 0 | 0 | 0 | 0 | 0 |
    | formula | 0 | 0 | 0 | 0 | 0 | 0 |
    | all | 1 | 0 | 0 | 0 | 0 | 1 |
    """
    count = tally(frame).reindex(index=ROLES, columns=VERDICTS, fill_value=0)
    count.loc["all"] = count.sum()
    rows = [["", *VERDICTS, "all"], ["---"] * (len(VERDICTS) + 2)]
    rows += [[role, *map(str, row), str(row.sum())] for role, row in zip(count.index, count.values, strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


@in_style
def summary_figure(frame: pd.DataFrame) -> Figure:
    """Draw each value as a dot at its z, experiment by experiment: between the lines it agrees.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> summary_figure(kept(frame)).axes[0].get_xlabel()
    'z: predicted less published, in standard deviations (at the edges: 6 or more)'
    """
    names = list(dict.fromkeys(frame.scenario))
    figure, axes = new_figure(1, 1, width_cm=16, height_cm=1.6 * len(names) + 2.5)
    seen = frame[frame.verdict.isin(MARKERS)].sort_values("z", kind="stable")
    shown = (np.round(seen.z / BIN) * BIN).clip(-Z_LIMIT, Z_LIMIT)
    row = np.array([len(names) - 1 - names.index(name) for name in seen.scenario])
    height = row + HEIGHT * seen.groupby([seen.scenario, shown]).cumcount()
    for verdict, (colour, marker) in MARKERS.items():
        of = seen.verdict == verdict
        axes.plot(shown[of], height[of], marker, color=colour, ms=4, label=verdict)
    for bound in (-AGREES, AGREES):
        axes.axvline(bound, color=BLACK, lw=1)
    axes.set(
        yticks=range(len(names)),
        yticklabels=names[::-1],
        xlim=(-Z_LIMIT - 0.2, Z_LIMIT + 0.2),
        ylim=(-0.3, len(names) - 0.1),
        xlabel=f"z: predicted less published, in standard deviations (at the edges: {Z_LIMIT:g} or more)",
    )
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper center", ncols=len(MARKERS))
    return figure


def with_summary(text: str, frame: pd.DataFrame) -> str:
    """Return the text of a page with the current counts in its block.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> text = with_summary(chr(10).join(["<!-- validation -->", "<!-- end -->"]), frame)
    >>> text.count("| predicted |")
    1
    """
    if not BLOCK.search(text):
        raise ValueError("the page has no place for the summary: add <!-- validation --> and <!-- end -->")
    return BLOCK.sub(lambda found: f"{found[1]}{summary(frame)}\n{found[2]}", text)


def renew(table: pd.DataFrame, root: str | Path) -> None:
    """Write docs/validation.csv and .svg, and the block of each page, from a table that the workflow made.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> row = {"scenario": "mine", "id": "qber", "role": "predicted", "verdict": "within", "z": 0.5}
    >>> table = pd.DataFrame([row | {"relative_deviation": 0.01, "relative_width": 0.02}])
    >>> with TemporaryDirectory() as root:
    ...     (Path(root) / "docs").mkdir()
    ...     renew(table, root)
    ...     sorted(path.name for path in Path(root, "docs").iterdir()), outdated(table, root)
    (['validation.csv', 'validation.svg'], [])
    """
    frame, docs = kept(table), Path(root) / "docs"
    pages = [path for path in (Path(root) / name for name in PAGES) if path.exists()]
    texts = [with_summary(path.read_text(), frame) for path in pages]
    frame.to_csv(docs / "validation.csv", index=False, lineterminator="\n")
    save_svg(summary_figure(frame), docs / "validation.svg")
    for path, text in zip(pages, texts, strict=True):
        path.write_text(text)


def outdated(table: pd.DataFrame, root: str | Path) -> list[str]:
    """Return a sentence for each row of README.md's summary that is out of date; empty when it is current.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> row = {"scenario": "mine", "id": "qber", "role": "predicted", "verdict": "within", "z": 0.5}
    >>> then = pd.DataFrame([row | {"relative_deviation": 0.01, "relative_width": 0.02}])
    >>> with TemporaryDirectory() as root:
    ...     (Path(root) / "docs").mkdir()
    ...     then.to_csv(Path(root) / "docs/validation.csv", index=False)
    ...     outdated(then.assign(z=2.5, verdict="outside"), root)
    ['mine qber predicted: within, z = 0.5 in docs/validation.csv, outside, z = 2.5 now']
    """
    now = kept(table).set_index(["scenario", "id", "role"])
    then = pd.read_csv(Path(root) / "docs" / "validation.csv").set_index(["scenario", "id", "role"])
    found = [f"{' '.join(key)} is not in both" for key in now.index.symmetric_difference(then.index)]
    for key in now.index.intersection(then.index):
        new, old = now.loc[key], then.loc[key]
        if new.verdict != old.verdict or abs(new.z - old.z) > READABLE * max(abs(old.z), 1):
            found.append(
                f"{' '.join(key)}: {old.verdict}, z = {old.z:g} in docs/validation.csv, "
                f"{new.verdict}, z = {new.z:g} now"
            )
    return found
