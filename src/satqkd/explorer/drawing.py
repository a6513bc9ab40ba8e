"""Draw the explorer's numbers and curves as HTML and SVG.

A slider has to answer within 100 ms. Matplotlib takes 140 ms for four small panels, so their SVG is written by hand,
which takes 1 ms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator

from satqkd.analytic.prospect import Outcome, PassCourse
from satqkd.analytic.uncertainty import KeyInterval
from satqkd.explorer.settings import KeyCurve
from satqkd.plot import BLUE, VERMILION

BUDGET_COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#bbbbbb", "#aa3377")
PINNED = "#8a8a8a"
WIDTH, HEIGHT = 270, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 24, 38  # margins about a panel's axes
# A key of more than this many times the scenario's own is drawn on a logarithmic axis, linear below LINEAR_BELOW_BIT.
LOG_FROM, LINEAR_BELOW_BIT = 100.0, 10.0
MOST_TICKS = 6
MOST_SHARES = 3
LARGE = 1e4  # numbers from here on are written with k, M, G


@dataclass(frozen=True)
class Shown:
    """All that the explorer shows of one setting.

    Attributes
    ----------
    values : dict
        Values of the sliders, by label.
    result : Outcome
        Result of `satqkd.analytic.prospect.answer`.
    course : PassCourse
        Course through the session that figures show.
    interval : KeyInterval or None
        The key with its 68 % interval; None where no second is left.
    """

    values: dict[str, float]
    result: Outcome
    course: PassCourse
    interval: KeyInterval | None = None


def as_html(title: str, result: Outcome, *, interval: KeyInterval | None = None, pinned: Outcome | None = None) -> str:
    """Return the expected yield as a table, that of a pinned setting next to it, what makes the key uncertain, and the
    losses as one stacked bar.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.analytic.prospect import answer
    >>> from satqkd.orbit import find_sessions
    >>> scenario = load_scenario("liao2017")
    >>> orbit = find_sessions(scenario)
    >>> "secret key" in as_html(scenario.title, answer(scenario, orbit))
    True
    """
    head = f"<h4 style='margin:.3em 0'>{escape(title)}</h4>"
    columns = [_numbers(one) for one in (result, pinned) if one is not None]
    if interval is not None and result.budget:
        columns[0]["68 % interval"] = f"{interval.low[0]:,.0f} to {interval.high[0]:,.0f} bit"
    names = list(dict.fromkeys(name for column in columns for name in column))
    top = "<tr><td></td><td>now</td><td>pinned</td></tr>" if pinned is not None else ""
    pad = "padding-right:1em"
    cells = "".join(
        f"<tr><td style='{pad}'>{name}</td><td style='{pad}'><b>{columns[0].get(name, '–')}</b></td>"
        + "".join(f"<td style='color:{PINNED}'>{column.get(name, '–')}</td>" for column in columns[1:])
        + "</tr>"
        for name in names
    )
    nothing = "" if result.budget else "<p>No second of the open link is above the elevation cut.</p>"
    return (
        f"{head}<table style='line-height:1.5'>{top}{cells}</table>{nothing or _bar(result.budget)}{_shares(interval)}"
    )


def _numbers(result: Outcome) -> dict[str, str]:
    rows = {"open link": f"{result.open_s:.0f} s"}
    if not result.budget:
        return rows
    rows["attenuation"] = f"{result.attenuation_min:.1f} to {result.attenuation_max:.1f} dB"
    rows["coincidences" if result.chsh_s is not None else "sifted signal bits"] = f"{result.rate:,.4g} /s"
    rows["sifted"] = f"{result.sifted:,.0f} bit"
    rows["QBER"] = "–" if np.isnan(result.qber) else f"{100 * result.qber:.2f} %"
    if result.chsh_s is not None:
        rows["S"] = "–" if np.isnan(result.chsh_s) else f"{result.chsh_s:.3f}"
    why = f", {result.no_key}" if result.no_key else ""
    rows["secret key"] = f"{result.key:,.0f} ± {result.key_sigma:,.0f} bit{why}"
    return rows


def _shares(interval: KeyInterval | None) -> str:
    """Return the largest shares of what makes the key uncertain, as one sentence."""
    shares = list(interval.shares().items())[:MOST_SHARES] if interval is not None else []
    if not shares:
        return ""
    words = ", ".join(f"{escape(name)} {100 * share:.0f} %" for name, share in shares)
    return f"<p style='max-width:19em;margin:.4em 0;line-height:1.4'>variance of the key: {words}</p>"


def _bar(budget: dict[str, float]) -> str:
    """Return the mean losses side by side, as wide as they are large."""
    total = sum(budget.values())
    parts = zip(budget.items(), BUDGET_COLOURS, strict=True)
    pieces = [
        (
            f"<div title='{name}: {loss:.1f} dB' style='background:{colour};width:{100 * loss / total:.2f}%'></div>",
            f"<span style='white-space:nowrap'><span style='color:{colour}'>■</span> {name} {loss:.1f} dB</span>",
        )
        for (name, loss), colour in parts
    ]
    bars, legend = zip(*pieces, strict=True)
    return (
        f"<p style='margin:.4em 0 0'>mean losses, {total:.1f} dB</p>"
        f"<div style='display:flex;height:1.2em;max-width:19em'>{''.join(bars)}</div>"
        f"<p style='max-width:19em;margin:.2em 0;line-height:1.4'>{' &nbsp; '.join(legend)}</p>"
    )


def drawings(shown: Shown, pinned: Shown | None, curve: KeyCurve) -> str:
    """Return four panels: attenuation, rate and error rate through the pass, and the key against a slider.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.analytic.prospect import answer, through_pass
    >>> from satqkd.orbit import find_sessions
    >>> scenario = load_scenario("liao2017")
    >>> orbit = find_sessions(scenario)
    >>> from satqkd.explorer.settings import CUT, key_curve
    >>> shown = Shown({CUT: 0.0}, answer(scenario, orbit), through_pass(scenario, orbit))
    >>> drawings(shown, None, key_curve(scenario, orbit, shown.values, CUT)).count("<svg")
    4
    """
    rate = "coincidences (1/s)" if shown.result.chsh_s is not None else "sifted signal bits (1/s)"
    per_cent = {"qber": 100.0}
    panels = [
        _course(text, [(one.course.elapsed_s, per_cent.get(name, 1.0) * getattr(one.course, name)) for one in both])
        for name, text in (("attenuation_db", "attenuation (dB)"), ("rate_hz", rate), ("qber", "QBER (%)"))
        if (both := [one for one in (shown, pinned) if one is not None])
    ]
    panels.append(_key(shown, pinned, curve))
    legend = f" &nbsp; <span style='color:{PINNED}'>┅ pinned</span>" if pinned is not None else ""
    words = f"<span style='color:{BLUE}'>━ now</span>{legend} &nbsp; <span>┊ in the scenario</span>"
    return (
        f"<div style='display:flex;flex-wrap:wrap;max-width:{2 * WIDTH + 8}px'>{''.join(panels)}</div>"
        f"<div style='line-height:1.4'>{words}</div>"
    )


def _course(text: str, lines: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """Return the panel of one quantity through the pass: now in blue, a pinned setting behind it in grey."""
    x, y = (np.concatenate(part) for part in zip(*lines, strict=True))
    across = _linear(x, [0.0])
    up = _linear(y, [] if text.startswith("attenuation") else [0.0])
    drawn = [_line(across, up, *line, colour) for line, colour in zip(lines, (BLUE, PINNED), strict=False)]
    return _panel(text, "time since the session began (s)", across, up, drawn[::-1])


def _key(shown: Shown, pinned: Shown | None, curve: KeyCurve) -> str:
    """Return the panel of the key against the moved setting; the scenario's own value and the pinned one are marked."""
    label, now = curve.label, (shown.values[curve.label], shown.result.key)
    marks = [(now, BLUE)]
    if pinned is not None:
        marks.insert(0, ((pinned.values[label], pinned.result.key), PINNED))
    x, y = (np.array(part) for part in zip(*(mark for mark, _ in marks), strict=True))
    across = (_linear if curve.value[0] == 0 else _logarithmic)(np.append(curve.value, x), [])
    own = np.nan_to_num(curve.key[np.argmin(np.abs(curve.value - curve.own))])
    keys = np.append(curve.key, y)
    up = (_zero_and_decades if np.nanmax(keys) > LOG_FROM * max(own, 1.0) else _linear)(keys, [0.0, 1.0])
    drawn = [_upright(across, curve.own), _line(across, up, curve.value, curve.key, BLUE, dots=True)]
    drawn += [_dot(across, up, mark, colour) for mark, colour in marks]
    unit = f" ({curve.unit})"
    return _panel(f"secret key (bit) against {label}", f"{label}{unit}", across, up, drawn)


@dataclass(frozen=True)
class _Axis:
    """A scale: the place of a value on an axis, from 0 to 1, and the values that have a tick."""

    place: Callable[[np.ndarray], np.ndarray]
    ticks: Sequence[float]


def _linear(values: np.ndarray, contained: list[float]) -> _Axis:
    shown = np.append(values[np.isfinite(values)], contained)
    low, high = (shown.min(), shown.max()) if shown.size else (0.0, 1.0)
    ticks = MaxNLocator(MOST_TICKS - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high if high > low else low + 1)
    low, high = ticks[0], ticks[-1]
    return _Axis(lambda value: (np.asarray(value) - low) / (high - low), ticks)


def _logarithmic(values: np.ndarray, _contained: list[float]) -> _Axis:
    low, high = np.log10([values.min(), values.max()])
    ticks = LogLocator(subs=(1, 2, 5) if high - low < 2 else (1,)).tick_values(10**low, 10**high)
    ticks = [tick for tick in ticks if 10**low * 0.999 <= tick <= 10**high * 1.001]
    return _Axis(lambda value: (np.log10(value) - low) / (high - low), ticks[:: 1 + (len(ticks) - 1) // MOST_TICKS])


def _zero_and_decades(values: np.ndarray, _contained: list[float]) -> _Axis:
    """Return a logarithmic axis that is linear below `LINEAR_BELOW_BIT`, so that a key of zero can be drawn."""
    top = 10 ** np.ceil(np.log10(np.nanmax(values)))
    decades = np.arange(1, np.log10(top) + 0.5)
    ticks = [0.0, *10 ** decades[:: 1 + (decades.size - 1) // (MOST_TICKS - 1)]]
    scaled = np.arcsinh(top / LINEAR_BELOW_BIT)
    return _Axis(lambda value: np.arcsinh(np.asarray(value) / LINEAR_BELOW_BIT) / scaled, ticks)


def _x(axis: _Axis, value: Any) -> np.ndarray:
    return LEFT + (WIDTH - LEFT - RIGHT) * axis.place(value)


def _y(axis: _Axis, value: Any) -> np.ndarray:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * axis.place(value)


def _line(across: _Axis, up: _Axis, x: np.ndarray, y: np.ndarray, colour: str, *, dots: bool = False) -> str:
    """Return a line, broken where a value is not finite, with dots at the computed points if asked for."""
    there = np.isfinite(y)
    places = list(zip(_x(across, x[there]), _y(up, y[there]), np.flatnonzero(there), strict=True))
    steps = [
        f"{'L' if i and places[i - 1][2] == number - 1 else 'M'}{px:.1f},{py:.1f}"
        for i, (px, py, number) in enumerate(places)
    ]
    dash = " stroke-dasharray='5 3'" if colour == PINNED else ""
    circles = "".join(f"<circle cx='{px:.1f}' cy='{py:.1f}' r='1.8' fill='{colour}'/>" for px, py, _ in places) * dots
    return f"<path d='{''.join(steps)}' fill='none' stroke='{colour}' stroke-width='1.6'{dash}/>{circles}"


def _dot(across: _Axis, up: _Axis, at: tuple[float, float], colour: str) -> str:
    x, y = float(_x(across, at[0])), float(_y(up, at[1]))
    fill = VERMILION if colour == BLUE else "none"
    at_place = f"cx='{x:.1f}' cy='{y:.1f}' r='4.5'"
    return f"<circle class='setting' {at_place} fill='{fill}' stroke='{colour}' stroke-width='1.6'/>"


def _upright(across: _Axis, value: float) -> str:
    x = float(_x(across, value))
    return (
        f"<line class='own' x1='{x:.1f}' x2='{x:.1f}' y1='{TOP}' y2='{HEIGHT - BOTTOM}' stroke='currentColor' "
        "stroke-dasharray='2 3'/>"
    )


def _panel(title: str, x_label: str, across: _Axis, up: _Axis, drawn: list[str]) -> str:
    """Return axes with ticks, a grid, and the drawn elements."""
    foot, middle = HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2
    text = "<text x='{:.1f}' y='{:.1f}' text-anchor='{}'>{}</text>".format
    rule = "<line x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}' stroke='currentColor' stroke-opacity='{}'/>".format
    parts = [text(6, 14, "start", escape(title)), text(middle, HEIGHT - 6, "middle", escape(x_label))]
    for tick, x in zip(across.ticks, _x(across, across.ticks), strict=True):
        parts += [rule(x, x, TOP, foot, 0.12), text(x, foot + 14, "middle", _short(tick))]
    for tick, y in zip(up.ticks, _y(up, up.ticks), strict=True):
        parts += [rule(LEFT, WIDTH - RIGHT, y, y, 0.12), text(LEFT - 5, y + 4, "end", _short(tick))]
    parts += [rule(LEFT, WIDTH - RIGHT, foot, foot, 0.6), rule(LEFT, LEFT, TOP, foot, 0.6)]
    return (
        f"<svg width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
        f"aria-label='{escape(title)}' "
        f"font-size='11' fill='currentColor' style='max-width:100%'>{''.join(parts)}{''.join(drawn)}</svg>"
    )


def _short(number: float) -> str:
    return EngFormatter(sep="")(number) if abs(number) >= LARGE else f"{number:.4g}"
