"""Draw the picture in README.md: one experiment from the pass to the Bell test, from a small table.

`docs/yin2020.csv` has the numbers of the last full run. A test compares the picture with it, and CI compares it with
the results of the workflow, as for the summary of the validation table.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from satqkd.dataset import load
from satqkd.plot import BLACK, BLUE, ORANGE, STATION_STYLES, in_style, legend_above, new_figure, save_svg, showcase

EXPERIMENT = "yin2020"
STEP_S = 10
# Last digits differ between processors. Changes of the table below this part of a panel's largest value are accepted.
READABLE = 0.01


def picture_table(results: str | Path) -> pd.DataFrame:
    """Return the numbers behind the picture, of the first run: elevations, coincidences, key by proof, correlations.

    Parameters
    ----------
    results : str or Path
        The folder ``results``, with the experiment's data sets.

    Returns
    -------
    pandas.DataFrame
        Columns panel, name, x, value, sigma. For elevations [degree] and coincidences [1/s] `x` is the time in the
        session [s], for correlations it is the intended state's; a key's length is in bits.
    """
    folder = Path(results) / EXPERIMENT
    whole = load(folder / "orbit.nc")
    orbit = showcase(whole).isel(time=slice(None, None, STEP_S))
    coincidence, key, bell = (load(folder / f"run1/{name}.nc") for name in ("coincidence", "key", "bell"))
    rows = [
        ("elevation", str(station), time, degree, np.nan)
        for station in orbit.station.values
        for time, degree in zip(orbit.elapsed.values, orbit.elevation.sel(station=station).values, strict=True)
    ]
    shown, seconds = whole.attrs["showcase"], coincidence.session_duration.values
    first = int(seconds[:shown].sum())
    counts = coincidence.rate.values[first : first + int(seconds[shown])]
    for start in range(0, counts.size - STEP_S + 1, STEP_S):
        total = counts[start : start + STEP_S].sum()
        rows.append(("coincidences", "both", start + STEP_S / 2, total / STEP_S, np.sqrt(total) / STEP_S))
    rows += [("key", str(bound), np.nan, length, np.nan) for bound, length in key.length.to_series().items()]
    each = zip(bell.e.values, bell.e_sigma.values, bell.ideal.values, strict=True)
    rows += [("correlation", str(number), ideal, e, sigma) for number, (e, sigma, ideal) in enumerate(each)]
    rows += [("S", "S", np.nan, float(bell.s), float(bell.sigma))]
    return pd.DataFrame(rows, columns=["panel", "name", "x", "value", "sigma"]).round(3)


@in_style
def picture(frame: pd.DataFrame) -> Figure:
    """Draw the four panels of `picture_table`."""
    figure, axes = new_figure(2, 2, width_cm=18, height_cm=11)
    panels = dict(iter(frame.groupby("panel", sort=False)))
    one_pass, rate, key, test = axes.flat
    stations = panels["elevation"].groupby("name", sort=False)
    for style, (name, rows) in zip(STATION_STYLES, stations, strict=True):
        one_pass.plot(rows.x, rows.value, label=name.capitalize(), **style)
    one_pass.set(ylabel="Elevation (degree)", ylim=(0, None))
    legend_above(one_pass)
    rows = panels["coincidences"]
    rate.errorbar(rows.x, rows.value, rows.sigma, fmt="o", ms=3, lw=0.8, color=BLUE, label="pairs at both stations")
    rate.set(ylabel="Coincidences (1/s)", ylim=(0, None), xlim=one_pass.get_xlim())
    legend_above(rate)
    for axis in (one_pass, rate):
        axis.set_xlabel("Time in the pass (s)")
    rows = panels["key"].iloc[::-1]
    bars = key.barh(rows.name, rows.value, color=[ORANGE if name == "asymptotic" else BLUE for name in rows.name])
    key.bar_label(bars, [f"{value:.0f}" for value in rows.value], padding=3)
    key.set(xlabel="Secret key of all passes (bit), by proof", xlim=(0, 1.15 * rows.value.max()))
    key.grid(axis="y", visible=False)
    rows, s = panels["correlation"], panels["S"].iloc[0]
    places = [f"$a_{1 + n // 2}, b_{1 + n % 2}$" for n in range(len(rows))]
    test.bar(places, rows.value, yerr=rows.sigma, color=BLUE, width=0.6, capsize=4, label="counted")
    test.bar(places, rows.x, width=0.6, fill=False, ec=BLACK, ls="--", label="ideal state")
    test.axhline(0, color=BLACK, lw=0.8)
    test.set(ylabel="Correlation $E$", ylim=(-1, 1), xlabel=f"CHSH test: $S$ = {s.value:.2f} ± {s.sigma:.2f}")
    legend_above(test)
    return figure


def moved(now: pd.DataFrame, then: pd.DataFrame) -> list[str]:
    """Return a sentence for each panel whose numbers differ visibly; empty where none do.

    Examples
    --------
    >>> row = {"panel": "S", "name": "S", "x": np.nan, "value": 2.4, "sigma": 0.1}
    >>> moved(pd.DataFrame([row]), pd.DataFrame([row | {"value": 2.6}]))
    ['S: 1 numbers of the picture are not those of the results']
    """
    found = []
    for panel, rows in now.groupby("panel", sort=False):
        old = then[then.panel == panel]
        if list(rows.name) != list(old.name):
            found.append(f"{panel}: the picture does not show the same rows as the results")
            continue
        limit = READABLE * max(rows.value.abs().max(), 1e-9)
        differs = ~np.isclose(
            rows[["x", "value", "sigma"]], old[["x", "value", "sigma"]], rtol=0, atol=limit, equal_nan=True
        )
        if differs.any():
            found.append(f"{panel}: {int(differs.sum())} numbers of the picture are not those of the results")
    return found


def renew_picture(results: str | Path, root: str | Path) -> None:
    """Write docs/yin2020.csv and docs/yin2020.svg from results."""
    frame, path = picture_table(results), Path(root) / "docs" / EXPERIMENT
    frame.to_csv(path.with_suffix(".csv"), index=False, lineterminator="\n")
    save_svg(picture(read_picture(root)), path.with_suffix(".svg"))


def read_picture(root: str | Path) -> pd.DataFrame:
    """Return the committed table of the picture."""
    return pd.read_csv(Path(root) / "docs" / f"{EXPERIMENT}.csv", dtype={"name": str})


def outdated_picture(results: str | Path, root: str | Path) -> list[str]:
    """Return a sentence for each panel of the picture that is out of date; empty when it is current."""
    return moved(picture_table(results), read_picture(root))
