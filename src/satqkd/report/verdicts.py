"""Write the validation table as a page."""

from html import escape
from typing import Any

import pandas as pd

from satqkd.report.page import folded, mark, page, table
from satqkd.tables.outcomes import MEAN, PREDICTED, with_interval, with_sigma
from satqkd.validation.stage import agreement_of_all, vague_for_any_model

KINDS = {"within": "good", "vague": "unsure", "listed": "note", "outside": "bad", "missing": "plain"}
MEANING = {
    "within": "|z| is at most 2, and the comparison is narrow enough to reproduce the value",
    "vague": "|z| is at most 2, but the comparison is too wide: it counts as not reproduced",
    "listed": "|z| is above 2, for a known reason, which is given",
    "outside": "|z| is above 2, because our model is short, or for a reason that is not known",
    "missing": "not simulated",
}
COLUMNS = [
    "value",
    "verdict",
    "published",
    PREDICTED,
    MEAN,
    "unit",
    "z",
    "deviation (%)",
    "width (%)",
    "role",
    "why",
]


def validation_page(frame: pd.DataFrame) -> str:
    """Return a page with one row for each published value, experiment by experiment, with its verdict.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``results/validation.csv``; cells without a number are text.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> "2.37 ± 0.09" in validation_page(frame)
    True
    """
    legend = "".join(f"<p>{mark(f'{name}:', KINDS[name])} {escape(words)}</p>" for name, words in MEANING.items())
    count = pd.crosstab(frame.scenario, frame.verdict).reindex(columns=list(KINDS), fill_value=0)
    count = count.loc[frame.scenario.unique()]
    counts = [[_link(name), *map(str, row)] for name, row in zip(count.index, count.values, strict=True)]
    whole = f"<p>All predicted rows together: {escape(agreement_of_all(frame))}.</p>"
    whole += f"<p>{len(vague_for_any_model(frame))} of the vague rows are so by printing and counting noise alone.</p>"
    parts = [table(["experiment", *KINDS], counts), legend, whole]
    for name, rows in frame.groupby("scenario", sort=False):
        parts.append(f'<h2 id="{escape(name)}">{escape(name)}</h2>')
        parts.append(
            table(
                COLUMNS,
                [_cells(row) for row in rows.itertuples()],
            )
        )
    return page("Published against simulated", *parts)


def _link(name: str) -> str:
    return f'<a href="#{escape(name)}">{escape(name)}</a>'


def _cells(row: Any) -> list[str]:
    return [
        escape(str(row.id)).replace("_", "_<wbr>"),  # a long id may break here
        mark(row.verdict, KINDS[row.verdict]),
        escape(with_sigma(row.published, row.published_sigma)),
        escape(with_interval(row.median, row.low, row.high)),
        escape(with_sigma(row.simulated, row.simulated_sigma)),
        escape("" if row.unit == "1" else str(row.unit)),
        _number(row.z, ".2f"),
        _number(100 * row.relative_deviation, ".2g"),
        _number(100 * row.relative_width, ".2g"),
        escape(row.role),
        folded("reason", str(row.reason)),
    ]


def _number(value: float, digits: str) -> str:
    return "" if pd.isna(value) else f"{value:{digits}}"
