"""Usable passes as an iCalendar file (RFC 5545)."""

from importlib.metadata import version
from typing import Any

import pandas as pd

from satqkd.planner.planfile import Plan

OCTETS = 75  # longest content line without its line break, RFC 5545 section 3.1


def calendar(plan: Plan, passes: pd.DataFrame) -> str:
    """Return one event for each pass with an open window. DTSTAMP is the plan's start: equal plans give equal bytes.

    Examples
    --------
    >>> from satqkd.planner import load_plan, make_plan
    >>> plan = load_plan("example", days=1)
    >>> calendar(plan, make_plan(plan).passes).count("BEGIN:VEVENT")
    4
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//satqkd//planner {version('satqkd')}//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(plan.title)}",
    ]
    stamp = f"{plan.start:%Y%m%d}T000000Z"
    usable = passes[passes.window_s > 0]
    for row, identifier in zip(usable.itertuples(), identifiers(usable), strict=True):
        start, end = _basic(row.window_start_utc), _basic(row.window_end_utc)
        place = row.stations.replace("+", " and ")
        lines += [
            "BEGIN:VEVENT",
            f"UID:{identifier}@{plan.name}.satqkd",
            f"DTSTAMP:{stamp}",
            f"DTSTART:{start}",
            f"DTEND:{end}",
            f"SUMMARY:{escaped(f'{row.satellite} over {place}: {_bits(row.secret_bits)}')}",
            f"LOCATION:{escaped(place)}",
            f"DESCRIPTION:{escaped(_description(row))}",
            "END:VEVENT",
        ]
    return "".join(folded(line) for line in [*lines, "END:VCALENDAR"])


def identifiers(usable: pd.DataFrame) -> list[str]:
    """Return an identifier for each pass with an open window: its link, and the hour of UTC of the window's middle.

    Newer element sets move a pass by seconds, which the hour does not see unless the middle lies that close to a full
    one: a calendar program then replaces the event. Windows of a link follow one another by more than an hour in any
    orbit; should two fall into one hour, the second has a number behind it.
    """
    start, end = (pd.to_datetime(usable[f"window_{edge}_utc"]) for edge in ("start", "end"))
    hours = (start + (end - start) / 2).dt.strftime("%Y%m%dT%H")
    names = usable.satellite + "-" + usable.stations.str.replace("+", "-") + "-" + hours
    repeated = names.groupby(names).cumcount()
    return [f"{name}-{count + 1}" if count else name for name, count in zip(names, repeated, strict=True)]


def escaped(text: str) -> str:
    r"""Return a TEXT value, RFC 5545 section 3.3.11.

    Examples
    --------
    >>> print(escaped("Xinglong, Nanshan"))
    Xinglong\, Nanshan
    """
    for character in ("\\", ";", ","):
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", "\\n")


def folded(line: str) -> str:
    """Return a content line with its line break, folded after 75 octets and never within a character.

    Examples
    --------
    >>> [len(part) for part in folded("X" * 100).splitlines()]
    [75, 26]
    """
    parts, used = [""], 0
    for character in line:
        size = len(character.encode())
        if used + size > OCTETS:
            parts.append(" ")  # the blank counts as an octet of the new line
            used = 1
        parts[-1] += character
        used += size
    return "\r\n".join(parts) + "\r\n"


def _description(row: Any) -> str:
    said = [
        f"Secret bits of this pass by itself, clear sky: {row.secret_bits:.0f} +- {row.secret_bits_sigma:.0f}",
        f"Sifted bits: {row.sifted_bits:.0f} +- {row.sifted_bits_sigma:.0f}, "
        f"QBER {100 * row.qber:.2f} +- {100 * row.qber_sigma:.2f} %",
        f"Highest elevation {row.max_elevation_deg:.1f} degrees at {row.culmination_utc}",
        f"Pass from {row.rise_utc} to {row.set_utc}; element set {row.element_age_days:.1f} days old",
        f"Probability of clear sky {row.clear_probability:.2f}",
    ]
    return "\n".join(said)


def _basic(text: str) -> str:
    """Return a time such as 2018-10-01T18:11:07Z in the basic form."""
    return text.replace("-", "").replace(":", "")


def _bits(bits: float) -> str:
    for unit, size in (("Mbit", 1e6), ("kbit", 1e3)):
        if bits >= size:
            return f"{bits / size:.3g} {unit}"
    return f"{bits:.0f} bit"
