"""HTML pages of tables in one file, without script or external resources; narrow screens show rows as cards."""

from html import escape
from string import Template

from satqkd.plot import BLUE, GREEN, ORANGE, SKY, VERMILION

STYLE = Template(
    """
body { font: 16px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff }
body { max-width: 75em; margin: 0 auto; padding: 1em }
h1 { font-size: 1.4em }
h2 { font-size: 1.15em; margin: 2em 0 .5em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3em .7em .3em 0; border-bottom: 1px solid #ddd }
td { overflow-wrap: break-word }
th { border-bottom: 2px solid #888 }
.mark { border-left: .5em solid; padding-left: .4em; white-space: nowrap }
.good { border-color: $good }
.note { border-color: $note }
.bad { border-color: $bad }
.unsure { border-color: $unsure }
.other { border-color: $other }
.plain { border-color: #999 }
summary { cursor: pointer }
section { border-top: 1px solid #ccc; margin-top: 2em }
section h2 { margin-top: 1em }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.5em; align-items: start }
figure { margin: 0 }
figure img { width: 100%; height: auto }
figcaption { color: #444; font-size: .9em }
a { color: #0b4f8a }
@media (max-width: 45em) {
  .pair { display: block }
  thead { display: none }
  table, tbody, tr, td { display: block }
  tr { border: 1px solid #ccc; border-radius: .4em; margin: .7em 0; padding: .5em .7em }
  td { border: 0; padding: .12em 0 }
  td:empty { display: none }
  td::before { content: attr(data-label) ": "; color: #595959 }
  td:first-child { font-weight: 600 }
  td:first-child::before { content: none }
}
"""
).substitute(good=GREEN, note=ORANGE, bad=VERMILION, unsure=SKY, other=BLUE)


def mark(text: str, kind: str) -> str:
    """Return a word with a coloured bar before it; the word alone carries the meaning.

    Examples
    --------
    >>> mark("within", "good")
    '<span class="mark good">within</span>'
    """
    return f'<span class="mark {kind}">{escape(text)}</span>'


def folded(summary: str, text: str) -> str:
    """Return text that unfolds below its summary when it is clicked.

    Examples
    --------
    >>> folded("0.1", "the printed digit")
    '<details><summary>0.1</summary>the printed digit</details>'
    """
    return f"<details><summary>{escape(summary)}</summary>{escape(text)}</details>"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return an HTML table; each cell is HTML, and carries its column's name for narrow screens.

    Examples
    --------
    >>> table(["id"], [["qber"]]).count('data-label="id"')
    1
    """
    lines = ["<table><thead><tr>", *(f"<th>{escape(name)}</th>" for name in head), "</tr></thead><tbody>"]
    for row in rows:
        cells = (f'<td data-label="{escape(name)}">{cell}</td>' for name, cell in zip(head, row, strict=True))
        lines += ["<tr>", *cells, "</tr>"]
    return "\n".join([*lines, "</tbody></table>"])


def page(title: str, *parts: str) -> str:
    """Return the whole HTML page.

    Examples
    --------
    >>> page("Results", "<p>none yet</p>").startswith("<!doctype html>")
    True
    """
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *parts,
            "</body></html>\n",
        ]
    )
