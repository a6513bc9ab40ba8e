"""Usable passes as an iCalendar file (RFC 5545)."""

from importlib.metadata import version
from typing import Any

import pandas as pd

from satqkd.planner.planfile import Plan

OCTETS = 75  # of a content line, without its line break: section 3.1


def calendar(plan: Plan, passes: pd.DataFrame) -> str:
    """One event for each pass with an open window; DTSTAMP is the plan's start, so that the bytes are its alone."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//satqkd//planner {version('satqkd')}//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(plan.title)}",
    ]
    stamp = f"{plan.start:%Y%m%d}T000000Z"
    for row in passes[passes.window_s > 0].itertuples():
        start, end = _basic(row.window_start_utc), _basic(row.window_end_utc)
        place = row.stations.replace("+", " and ")
        lines += [
            "BEGIN:VEVENT",
            f"UID:{row.satellite}-{row.stations.replace('+', '-')}-{start}@{plan.name}.satqkd",
            f"DTSTAMP:{stamp}",
            f"DTSTART:{start}",
            f"DTEND:{end}",
            f"SUMMARY:{escaped(f'{row.satellite} over {place}: {_bits(row.secret_bits)}')}",
            f"LOCATION:{escaped(place)}",
            f"DESCRIPTION:{escaped(_description(row))}",
            "END:VEVENT",
        ]
    return "".join(folded(line) for line in [*lines, "END:VCALENDAR"])


def escaped(text: str) -> str:
    """A TEXT value, section 3.3.11."""
    for character in ("\\", ";", ","):
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", "\\n")


def folded(line: str) -> str:
    """A content line with its line break, folded where it is longer than 75 octets and never within a character."""
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
    """2018-10-01T18:11:07Z in the basic form."""
    return text.replace("-", "").replace(":", "")


def _bits(bits: float) -> str:
    for unit, size in (("Mbit", 1e6), ("kbit", 1e3)):
        if bits >= size:
            return f"{bits / size:.3g} {unit}"
    return f"{bits:.0f} bit"
