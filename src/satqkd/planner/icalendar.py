"""Usable passes as an iCalendar file (RFC 5545)."""

from datetime import UTC, datetime, time
from importlib.metadata import version
from typing import Any

import pandas as pd
from icalendar import Calendar, Event

from satqkd.planner.planfile import Plan


def calendar(plan: Plan, passes: pd.DataFrame) -> str:
    """Return one event for each pass with an open window. DTSTAMP is the plan's start: equal plans give equal bytes.

    Examples
    --------
    >>> from satqkd.planner import load_plan, make_plan
    >>> plan = load_plan("example", days=1)
    >>> calendar(plan, make_plan(plan).passes).count("BEGIN:VEVENT")
    4
    """
    found = Calendar()
    found.add("VERSION", "2.0")
    found.add("PRODID", f"-//satqkd//planner {version('satqkd')}//EN")
    found.add("CALSCALE", "GREGORIAN")
    found.add("METHOD", "PUBLISH")
    found.add("X-WR-CALNAME", plan.title)
    usable = passes[passes.window_s > 0]
    for row, identifier in zip(usable.itertuples(), identifiers(usable), strict=True):
        place = row.stations.replace("+", " and ")
        event = Event()
        event.add("UID", f"{identifier}@{plan.name}.satqkd")
        event.add("DTSTAMP", datetime.combine(plan.start, time(), UTC))
        event.add("DTSTART", datetime.fromisoformat(row.window_start_utc))
        event.add("DTEND", datetime.fromisoformat(row.window_end_utc))
        event.add("SUMMARY", f"{row.satellite} over {place}: {_bits(row.secret_bits)}")
        event.add("LOCATION", place)
        event.add("DESCRIPTION", _description(row))
        found.add_component(event)
    return found.to_ical().decode()


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


def _bits(bits: float) -> str:
    for unit, size in (("Mbit", 1e6), ("kbit", 1e3)):
        if bits >= size:
            return f"{bits / size:.3g} {unit}"
    return f"{bits:.0f} bit"
