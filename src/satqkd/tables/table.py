"""A data frame that JupyterLab shows as a table with the whole text of each cell."""

import pandas as pd

from satqkd.plot import GREEN, ORANGE, SKY, VERMILION

CELL = "text-align: left; vertical-align: top; white-space: normal"
VERDICT_COLOURS = {"within": GREEN, "vague": SKY, "listed": ORANGE, "outside": VERMILION, "missing": "gray"}


class Table(pd.DataFrame):
    """A data frame whose HTML has the whole text of every cell, aligned left, and no row numbers.

    Each cell has its own style, because JupyterLab removes style sheets from the outputs of a notebook that was run
    elsewhere.

    Examples
    --------
    >>> Table({"name": ["a & b"]})._repr_html_().count("a &amp; b")
    1
    """

    @property
    def _constructor(self) -> type["Table"]:
        return Table

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            html: str = self.to_html(index=False, border=0, na_rep="", float_format="{:.2f}".format)
        html = html.replace("<td>", f'<td style="{CELL}">').replace("<th>", f'<th style="{CELL}">')
        for verdict, colour in VERDICT_COLOURS.items():
            html = html.replace(f'">{verdict}</td>', f'; border-left: 0.4em solid {colour}">{verdict}</td>')
        return html
