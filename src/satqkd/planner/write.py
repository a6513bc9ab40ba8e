"""The files of a computed plan."""

from pathlib import Path

from matplotlib.figure import Figure

from satqkd.files import finished, save_provenance
from satqkd.planner.calendar import cumulative, nightly
from satqkd.planner.czml import document
from satqkd.planner.figures import calendar_figure
from satqkd.planner.icalendar import calendar
from satqkd.planner.plan import Forecast
from satqkd.plot import save_figure


def save_plan(forecast: Forecast, folder: str | Path) -> None:
    """Write the tables, calendars and orbits of a plan, see docs/planner.md; equal plans give equal bytes."""
    folder, plan, passes = Path(folder), forecast.plan, forecast.passes
    texts = {
        "passes.csv": passes.to_csv(index=False, lineterminator="\n"),
        "links.csv": forecast.links.to_csv(index=False, lineterminator="\n"),
        "shares.csv": forecast.shares.to_csv(index=False, lineterminator="\n"),
        "plan.ics": calendar(plan, passes),
        "plan.czml": document(plan, passes, forecast.trajectories),
    }
    for name, text in texts.items():
        with finished(folder / name) as draft:
            draft.write_text(text, encoding="utf-8", newline="")
    save_figure(shown(forecast), folder / "calendar.svg")
    save_provenance(folder / "passes.csv", plan.files)


def shown(forecast: Forecast) -> Figure:
    """Return the calendar of a plan as a figure."""
    plan, passes = forecast.plan, forecast.passes
    return calendar_figure(nightly(plan, passes), cumulative(plan, passes), plan.title)
