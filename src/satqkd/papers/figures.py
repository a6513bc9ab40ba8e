"""Figures of the papers, drawn from their tables with the published values upon them.

Each function takes the table and the published values by id; a value that a reference does not have is left out.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satqkd.analytic.season import FAR_M, NEAR_M
from satqkd.papers.marks import COUNTED, MARK, PRINTED, error_bar, line_with_band, mark, mark_extremes
from satqkd.plot import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    SKY,
    STATION_STYLES,
    TOTAL_STYLE,
    VERMILION,
    in_style,
    legend_above,
    new_figure,
)
from satqkd.validation.reference import Observed

SECONDS = "Time in the session (s)"


@in_style
def ranges(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the range of each station, and their sum, against time."""
    figure, axis = new_figure()
    columns = [name for name in table if name.startswith("range_")]
    for column, style in zip(columns, (*STATION_STYLES, TOTAL_STYLE), strict=False):
        name = column.removesuffix("_km")
        axis.plot(table.elapsed_s, table[column], label=name.removeprefix("range_").capitalize(), **style)
        mark_extremes(axis, table.elapsed_s, table[column], rows.get(name))
    axis.set(xlabel=SECONDS, ylabel="Range (km)")
    legend_above(axis)
    return figure


@in_style
def attenuation(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the attenuation of two downlinks together against time: the link budget, and what the coincidences give."""
    figure, axis = new_figure()
    axis.plot(table.elapsed_s, table.attenuation_db, color=BLUE, lw=2, label="link budget")
    counted = table.dropna(subset="counted_db").query("counted_db < inf")
    highest = counted.counted_high_db.where(np.isfinite(counted.counted_high_db), counted.counted_db + 10)
    bars = [counted.counted_db - counted.counted_low_db, highest - counted.counted_db]
    axis.errorbar(counted.elapsed_s, counted.counted_db, bars, label="counted, mean and σ of the runs", **COUNTED)
    mark_extremes(axis, table.elapsed_s, table.attenuation_db, rows.get("attenuation_two_downlink"))
    high = rows.get("attenuation_lijiang_above_15deg")
    if high is not None:
        above = table[table.above_15deg]
        for end, place in ((0, above.attenuation_db.idxmin()), (1, above.attenuation_db.idxmax())):
            seconds = above.elapsed_s[place] + 5  # beside the mark of the whole session
            axis.errorbar(
                [seconds],
                [high.ends[end]],
                [error_bar(high, end)],
                label=None if end else "printed, above 15°",
                **MARK | {"fmt": "s", "mfc": "white"},
            )
    axis.set(xlabel=SECONDS, ylabel="Attenuation of both links (dB)")
    legend_above(axis, columns=2)
    return figure


@in_style
def basis_counts(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the share of each pair of outcomes in equal bases, with its mean count in brackets."""
    figure, axes = new_figure(1, 2, height_cm=9, sharey=True)
    contrast = rows.get("contrast_diagonal")
    for axis, (name, basis) in zip(axes, table.groupby("basis", sort=True), strict=True):
        bars = axis.bar(
            basis.outcome, basis.share, yerr=basis.share_sigma, width=0.6, color=BLUE, capsize=3, label="simulated"
        )
        axis.bar_label(bars, [f"({count:.1f})" for count in basis.counts], padding=2)
        axis.set(title=name, xlabel="Outcomes at the two stations")
        if name == "diagonal" and contrast is not None:
            _printed_contrast(axis, basis, contrast)
    axes[0].set_ylabel("Share of the coincidences")
    axes[0].margins(y=0.12)
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    total = rows.get("state_test_coincidences")
    if total is not None:
        figure.suptitle(
            f"{table.counts.sum():.0f} coincidences in both bases, printed {total.value:g}", fontsize="medium"
        )
    return figure


def _printed_contrast(axis: Axes, basis: pd.DataFrame, row: Observed) -> None:
    """Draw the shares that a printed contrast implies, with those at the ends of its error bar as bars."""
    contrasts = row.value + error_bar(row) * np.array([0.0, -1.0, 1.0])
    for place, right in enumerate(basis.right):
        share, first, last = (contrasts if right else 1.0) / (1 + contrasts) / 2
        bar = [[share - min(first, last)], [max(first, last) - share]]
        axis.errorbar([place + 0.4], [share], bar, label=None if place else "of the printed contrast", **MARK)


@in_style
def space_time(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the paths of a pair of photons, choices, measurements and light cones in space and time."""
    figure, axis = new_figure(width_cm=14, height_cm=11)
    for index, one in table.iterrows():
        color, name = STATION_STYLES[index]["color"], one.station.capitalize()
        far = table.place_km[1 - index]
        cone_us = one.baseline_km * one.arrival_us / one.path_km
        axis.plot([one.satellite_km, one.place_km], [0, one.arrival_us], color="0.6", lw=1)
        axis.plot([one.place_km, far], [one.first_choice_us, one.first_choice_us + cone_us], color=color, ls=":", lw=1)
        axis.plot([one.place_km] * 2, [one.first_choice_us, one.last_choice_us], color=color, lw=4)
        axis.plot(one.place_km, one.measurement_us, "o", color=color, ms=6, label=f"{name}, measured")
    difference = rows.get("max_path_difference")
    if difference is not None:
        near, far = (table.loc[function()] for function in (table.path_km.idxmin, table.path_km.idxmax))
        us_per_km = far.arrival_us / far.path_km
        bars = [error_bar(difference) * us_per_km]
        later = near.arrival_us + difference.value * us_per_km
        axis.errorbar([far.place_km], [later], bars, label="arrival by the printed largest path difference", **MARK)
    axis.plot(table.satellite_km[0], 0, "k*", ms=9, label="emission")
    axis.plot([], [], color="0.3", ls=":", lw=1, label="light cone of the earliest choice")
    axis.set(xlabel="Along the baseline (km)", ylabel="Time after the emission (µs)")
    legend_above(axis, columns=2)
    return figure


@in_style
def correlations(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the correlation at the four settings of the Bell test, with its numbers."""
    figure, axis = new_figure(width_cm=13)
    settings = [f"${a[0]}_{a[1]}, {b[0]}_{b[1]}$" for a, b in table.setting.str.split(" ")]
    axis.bar(settings, table.e, yerr=table.e_sigma, color=BLUE, width=0.6, capsize=5, label="mean and σ of the runs")
    axis.bar(settings, table.ideal, width=0.6, fill=False, ec=BLACK, ls="--", label="ideal state")
    for place, (e, poisson, sign) in enumerate(zip(table.e, table.e_poisson, table.sign, strict=True)):
        axis.annotate(f"{e:+.2f} ± {poisson:.2f}", (place, -0.06 * sign), ha="center", va="center", fontsize=8)
    s = rows.get("chsh_s")
    if s is not None:
        # S is the sum of four, whose variances add up.
        bars = error_bar(s) / 2
        places = np.arange(4) + 0.2
        label = f"a quarter of the printed S = {s.value:g} ± {s.sigma:g}"
        axis.errorbar(places, table.sign * s.value / 4, bars, label=label, **MARK)
    axis.axhline(0, color=BLACK, lw=0.8)
    axis.set(xlabel="Settings of the two stations", ylabel="Correlation $E$", ylim=(-1.05, 1.05))
    legend_above(axis, columns=2)
    return figure


@in_style
def contrast(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the polarisation contrast against time, with and without compensation, of the optics and of one contrast."""
    figure, axis = new_figure()
    axis.plot(table.elapsed_s, table.compensated, color=BLUE, lw=2, label="compensated")
    axis.plot(table.elapsed_s, table.uncompensated, color=VERMILION, ls="--", label="not compensated")
    frames = {"ls": ":", "lw": 1, "color": BLACK}
    axis.plot(table.elapsed_s, table.frames_compensated, **frames, label="one contrast, frames turned")
    axis.plot(table.elapsed_s, table.frames_uncompensated, **frames)
    mark(axis, table.elapsed_s.mean(), rows.get("polarization_contrast_of_optics"))
    row = rows.get("polarization_contrast_uncompensated")
    mark_extremes(axis, table.elapsed_s, table.uncompensated, row)
    axis.set(xlabel=SECONDS, ylabel="Polarisation contrast to 1")
    axis.margins(y=0.1)
    legend_above(axis, columns=2)
    return figure


@in_style
def timeline(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the phases of a pass as bars against time with their zenith angles, and the printed durations below.

    The printed communication is drawn from the begin of the computed one on, and the other phases before it.
    """
    figure, axis = new_figure(width_cm=18, height_cm=7)
    colors = dict(zip(table.phase, (SKY, ORANGE, GREEN, BLUE), strict=True))
    begin_s = float(table.set_index("phase").start_s["communication"])
    for one in table.itertuples():
        bar = {"color": colors[one.phase], "label": f"{one.phase}, {one.duration_s:.0f} s"}
        axis.barh(1, one.duration_s, left=one.start_s, height=0.5, **bar)
        _zenith_angle(axis, one.start_s, one.zenith_deg, rises=one.phase == "acquisition")
    last = table.iloc[-1]
    end_s = float(last.start_s + last.duration_s)
    _zenith_angle(axis, end_s, last.end_zenith_deg)
    at_s = begin_s
    for phase in ("link", "acquisition", "communication"):
        row = rows.get(f"{phase}_time")
        if row is not None:
            left_s = begin_s if phase == "communication" else at_s - row.value
            axis.barh(0, row.value, left=left_s, height=0.5, color=colors[phase], alpha=0.6)
            axis.annotate(f"{row.value:g} s", (left_s + row.value / 2, 0), ha="center", va="center", fontsize=8)
            at_s = left_s
    axis.set(xlabel=SECONDS, xlim=(table.start_s.iloc[0] - 15, end_s + 15), ylim=(-0.5, 1.7))
    axis.set_yticks([0, 1], ["printed", "computed"])
    axis.grid(False, axis="y")
    legend_above(axis, columns=4)
    return figure


def _zenith_angle(axis: Axes, at_s: float, zenith_deg: float, *, rises: bool = False) -> None:
    """Write the zenith angle at which a phase begins above its bar; higher where that of the next is near."""
    axis.annotate(f"{zenith_deg:.0f}°", (at_s, 1.45 if rises else 1.29), ha="center", fontsize=8)


@in_style
def beam_pattern(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the far field of the transmitter along both axes, with the printed widths at 1/e2 of the peak."""
    figure, axis = new_figure()
    for (name, one), color in zip(table.groupby("axis"), (BLUE, VERMILION), strict=True):
        width = one.divergence_urad.iloc[0]
        axis.plot(one.offset_urad, one.intensity, color=color, label=f"{name}, {width:.1f} µrad at 1/e²")
    axis.axhline(np.exp(-2), color=BLACK, lw=0.8, ls=":")
    if (row := rows.get("divergence_in_vacuum")) is not None:
        for width, color in zip(row.ends, (BLUE, VERMILION), strict=True):
            ends = [-width / 2, width / 2]
            axis.plot(ends, [np.exp(-2)] * 2, "|", ms=14, mew=2, color=color, label=f"{width:g} µrad, printed")
    axis.set(xlabel="Angle from the peak (µrad)", ylabel="Irradiance over its peak")
    legend_above(axis, columns=2)
    return figure


@in_style
def sky(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the track over the station: zenith in the middle, north up; circles at the printed elevations."""
    figure, axis = new_figure(width_cm=11, height_cm=11, subplot_kw={"projection": "polar"})
    azimuth = np.deg2rad(table.azimuth_deg)
    axis.plot(azimuth, table.elevation_deg, color=BLUE, label="session")
    minutes = table[table.utc.str.endswith(":00")]
    axis.plot(np.deg2rad(minutes.azimuth_deg), minutes.elevation_deg, "o", color=BLUE, ms=4, label="whole minutes, UTC")
    for name, style in (("start", "--"), ("end", ":")):
        row = rows.get(f"session_elevation_{name}")
        if row is not None:
            around = np.linspace(0, 2 * np.pi, 181)
            axis.plot(
                around, np.full(around.size, row.value), color=ORANGE, ls=style, label=f"printed {name}, {row.value:g}°"
            )
    axis.set(theta_zero_location="N", theta_direction=-1, rlim=(90, 0))
    axis.set_thetagrids((0, 90, 180, 270), ("N", "E", "S", "W"))
    axis.set_rgrids((30, 60), ("30°", "60°"), angle=45, fontsize=7, color="0.4")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(f"{table.utc.iloc[0].replace('T', ' ')} to {table.utc.iloc[-1][11:]} UTC", fontsize="medium")
    return figure


@in_style
def sifted_rate(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the sifted bits per second against time, with the range."""
    figure, axis = new_figure()
    style = {"color": BLUE, "lw": 1}
    line_with_band(axis, table.elapsed_s, table.sifted_rate, table.sifted_rate_sigma, "mean and σ of the runs", **style)
    order = np.argsort(table.range_km.to_numpy(), kind="stable")
    for name, place in (("sifted_rate_645km", order[0]), ("sifted_rate_1200km", order[-1])):
        mark(axis, table.elapsed_s[place], rows.get(name))
    mean = rows.get("sifted_rate")
    if mean is not None:
        axis.axhline(mean.value, color=ORANGE, ls="--", lw=1, label="printed mean of the session")
        mark(axis, table.elapsed_s.mean(), mean)
    axis.set(xlabel=SECONDS, ylabel="Sifted bits per second")
    axis.set_ylim(bottom=0)
    _range_on_the_right(axis, table)
    legend_above(axis, columns=2)
    return figure


def _range_on_the_right(axis: Axes, table: pd.DataFrame) -> Axes:
    right = axis.twinx()
    right.plot(table.elapsed_s, table.range_km, color="0.4", ls=":")
    axis.plot([], [], color="0.4", ls=":", label="range (right)")
    right.set_ylabel("Range (km)", color="0.4")
    right.spines["right"].set_visible(True)
    right.grid(False)
    return right


@in_style
def qber(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the error rate of the sifted bits against time."""
    figure, axis = new_figure(height_cm=8)
    axis.errorbar(
        table.elapsed_s,
        100 * table.qber,
        100 * table.qber_sigma,
        label="simulated, all runs; bar: σ of one",
        **COUNTED | {"color": BLUE},
    )
    row = next((rows[name] for name in ("qber", "qber_signal") if name in rows), None)
    if row is not None:
        axis.axhline(100 * row.value, color=ORANGE, ls="--", lw=1, label="printed for the session")
        mark(axis, table.elapsed_s.mean(), row, scale=100)
    axis.set(xlabel=SECONDS, ylabel="Quantum bit error rate (%)")
    axis.set_ylim(bottom=0)
    legend_above(axis, columns=2)
    return figure


@in_style
def against_fiber(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the efficiency of the satellite's link and of a fibre against the distance."""
    figure, axis = new_figure()
    axis.plot(table.range_km, table.fiber, color=VERMILION, ls="--", label="fibre, 0.2 dB/km")
    seen = table.dropna(subset="efficiency")
    axis.errorbar(
        seen.range_km, seen.counted, seen.counted_sigma, fmt=".", color=GREEN, ms=2, lw=0.5, label="satellite, counted"
    )
    axis.plot(seen.range_km, seen.efficiency, color=BLUE, lw=1, label="satellite, link budget", zorder=4)
    row = rows.get("advantage_vs_fiber_1200km")
    if row is not None:
        value = table.fiber.iloc[-1] * 10**row.value
        bars = [[value * (1 - 10 ** -error_bar(row))], [value * (10 ** error_bar(row) - 1)]]
        axis.errorbar(
            [table.range_km.iloc[-1]], [value], bars, label=f"{row.value:g} orders above the fibre, as printed", **MARK
        )
    axis.set(yscale="log", xlabel="Distance (km)", ylabel="Link efficiency")
    legend_above(axis, columns=2)
    return figure


@in_style
def arrival_times(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the histogram of the arrival times in bins of 100 ps."""
    figure, axis = new_figure(width_cm=12)
    shown = table[table.delay_ns.abs() < 2.5]
    style = {"color": BLUE, "drawstyle": "steps-mid"}
    axis.plot(shown.delay_ns, shown.tags, label="mean and σ of the runs", **style)
    low, high = shown.tags - shown.tags_sigma, shown.tags + shown.tags_sigma
    axis.fill_between(shown.delay_ns, low, high, step="mid", color=BLUE, alpha=0.3, lw=0)
    row = rows.get("arrival_time_spread")
    if row is not None:
        t = np.linspace(-2.5, 2.5, 201)
        label = f"Gaussian of the printed spread, {row.value:g} ns"
        axis.plot(t, shown.tags.max() * np.exp(-((t / row.value) ** 2) / 2), color=ORANGE, ls="--", label=label)
        half = shown.tags.max() * np.exp(-0.5)
        axis.errorbar([row.value], [half], xerr=[error_bar(row)], label=PRINTED, **MARK)
    axis.set(xlabel="Arrival minus pulse centre (ns)", ylabel="Detections in 100 ps")
    legend_above(axis, columns=1)
    return figure


@in_style
def orbits(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the mean sifted rate against the shortest range of every known orbit, with error rates in the inset."""
    figure, axis = new_figure(height_cm=12)
    inset = axis.inset_axes((0.1, 0.09, 0.4, 0.33))
    for (station, some), color, shape in zip(table.groupby("station"), (BLUE, VERMILION, GREEN), "os^", strict=False):
        style = {"fmt": shape, "color": color, "ms": 4, "capsize": 2, "lw": 1}
        bars = [some.rate_median - some.rate_low, some.rate_high - some.rate_median]
        axis.errorbar(some.shortest_range_km, some.rate_median, bars, label=f"{station.capitalize()}, mean", **style)
        axis.plot(some.shortest_range_km, some.peak_rate_median, shape, color=color, mfc="none", ms=4)
        spread = 100 * np.array([some.qber_median - some.qber_low, some.qber_high - some.qber_median])
        inset.errorbar(some.shortest_range_km, 100 * some.qber_median, spread, **style | {"ms": 2.5})
    axis.plot([], [], "o", color="0.4", mfc="none", ms=4, label="peak of the orbit")
    mark(axis, 1e-3 * FAR_M, rows.get("sifted_rate_1034p7km"), label=f"printed mean, {1e-3 * FAR_M:g} km")
    peak = rows.get("sifted_rate_530km")
    if peak is not None:
        words = f"printed peak, {1e-3 * NEAR_M:g} km"
        axis.errorbar([1e-3 * NEAR_M], [peak.value], [error_bar(peak)], label=words, **MARK | {"mfc": "white"})
    for end in getattr(rows.get("orbits_shortest_range"), "ends", ()):
        axis.axvline(end, color=ORANGE, ls=":", lw=1, label=None if end > 600 else "printed extremes of 23 orbits")
    if (row := rows.get("qber_over_23_orbits")) is not None:
        for end in row.ends:
            inset.axhline(100 * end, color=ORANGE, ls=":", lw=1)
    inset.set_ylabel("QBER (%)", fontsize=7)
    inset.tick_params(labelsize=7)
    inset.set_ylim(0, 3.5)
    axis.set(yscale="log", xlabel="Shortest range of the orbit (km)", ylabel="Sifted bits per second", ylim=(100, 7e4))
    legend_above(axis, columns=3)
    return figure


@in_style
def clear_and_hazy(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the efficiency of one link through a pass, on clear, median and hazy nights of the season."""
    figure, axis = new_figure()
    axis.fill_between(table.elapsed_s, table.hazy, table.clear, color=BLUE, alpha=0.2, lw=0, label="90 % of the nights")
    for name, style in (("clear", {"ls": "--"}), ("median", {"lw": 2}), ("hazy", {"ls": ":"})):
        axis.plot(table.elapsed_s, table[name], color=BLUE, label=f"{name} night", **style)
    axis.plot(table.elapsed_s, table.efficiency, color=ORANGE, lw=1, label="stated extinction")
    axis.set(yscale="log", xlabel=SECONDS, ylabel="Efficiency of the link, without detectors")
    legend_above(axis)
    return figure


@in_style
def through_the_season(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the efficiency of one link at its nearest against the night: one drawn season, and the interval of many."""
    figure, axis = new_figure()
    nights = pd.to_datetime(table.night)
    axis.fill_between(
        nights,
        table.efficiency_low,
        table.efficiency_high,
        color=BLUE,
        alpha=0.2,
        lw=0,
        label="16 to 84 % of 400 seasons",
    )
    axis.plot(nights, table.efficiency_median, color=BLUE, label="median")
    axis.plot(nights, table.efficiency, ".", color=VERMILION, ms=3, label="one season")
    axis.set(yscale="log", xlabel="Night", ylabel="Efficiency at the closest approach")
    months = nights[nights.dt.day == 1]
    axis.set_xticks(months, [f"{month:%b %Y}" for month in months], rotation=30)
    legend_above(axis)
    return figure


@in_style
def single_links(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the efficiency of each single link against its range, for this apparatus and the previous one."""
    figure, axis = new_figure()
    colors = dict(zip(dict.fromkeys(table.station), (BLUE, VERMILION, GREEN), strict=False))
    widths = dict(zip(colors, (3.0, 1.5, 1.5), strict=False))  # two links that are alike lie upon each other
    for (apparatus, station), one in table.groupby(["apparatus", "station"], sort=False):
        new = apparatus == "this work"
        one = one.sort_values("range_km")
        style = {"color": colors[station], "ls": "-" if new else "--", "lw": widths[station] if new else 1.2}
        if new:
            low, high = one.counted - one.counted_sigma, one.counted + one.counted_sigma
            band = f"{station.capitalize()}, counted, σ of the runs"
            axis.fill_between(one.range_km, low, high, color=colors[station], alpha=0.25, lw=0, label=band)
        axis.plot(one.range_km, one.efficiency, label=f"{station.capitalize()}, {apparatus}", **style)
    row = rows.get("collection_gain_per_link")
    before = table[(table.apparatus == "previous") & table.station.isin(table.station[table.apparatus == "this work"])]
    if row is not None and len(before):
        before = before.iloc[(before.range_km - 1000).abs().argmin()]
        gains_db = row.value + error_bar(row) * np.array([0, -1, 1])
        gained, least, most = before.efficiency * 10 ** (gains_db / 10)
        label = f"previous at {before.station.capitalize()} with the printed gain, {row.value:g} dB"
        axis.errorbar([before.range_km], [gained], [[gained - least], [most - gained]], label=label, **MARK)
    axis.set(yscale="log", xlabel="Range (km)", ylabel="Efficiency of a link, without detectors")
    legend_above(axis, columns=2)
    return figure


@in_style
def key_rates(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the finite and the asymptotic secret key rate against the error rate."""
    figure, axis = new_figure()
    curve, runs = table[table.kind == "curve"], table[table.kind == "run"]
    for column, text, style in (
        ("asymptotic", "asymptotic", {"color": VERMILION, "ls": "--"}),
        ("finite", "finite, mean and σ of the runs", {"color": BLUE, "ls": "-"}),
    ):
        shown = curve[curve[column] > 0]
        line_with_band(axis, 100 * shown.qber, shown[column], shown[f"{column}_sigma"], text, **style)
        axis.plot(100 * runs.qber, runs[column], "x", color=style["color"], ms=6)
    axis.plot([], [], "x", color="0.4", label="single runs")
    wrong = rows.get("qber")
    for name, end in (("finite_key_rate", "printed (bars: σ of its error rate)"), ("asymptotic_key_rate", None)):
        if wrong is not None and name in rows:
            axis.errorbar([100 * wrong.value], [rows[name].value], xerr=100 * wrong.sigma, label=end, **MARK)
    for name, text, dashes in (
        ("qber_threshold_3100s", "printed, no key above", ":"),
        ("qber_previous_work", "printed, previous apparatus", "-."),
    ):
        if name in rows:
            axis.axvline(100 * rows[name].value, color=ORANGE, ls=dashes, label=text)
    axis.axvline(11, color="0.4", ls="--", lw=1, label="asymptotic limit, 11 %")
    axis.set(yscale="log", ylim=(1e-2, 1.5), xlim=(0, 12), xlabel="Quantum bit error rate (%)")
    axis.set_ylabel("Secret key (bit/s)")
    legend_above(axis, columns=2)
    return figure


def _band(axis: Axes, middle: float, width: float, label: str) -> None:
    """Shade a printed range of a filter."""
    axis.axvspan(middle - width / 2, middle + width / 2, color=ORANGE, alpha=0.35, lw=0, label=label)


@in_style
def splitting(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the shares of the light that a beam splitter sends to each basis, and the band of the filter."""
    figure, axis = new_figure()
    axis.plot(table.wavelength_nm, 100 * table.to_first, color=BLUE, label="to basis 0, model (assumed)")
    axis.plot(table.wavelength_nm, 100 * table.to_second, color=GREEN, ls="--", label="to basis 1")
    if (row := rows.get("filter_bandwidth")) is not None:
        least, most = 100 * table.to_first[table.in_band].min(), 100 * table.to_first[table.in_band].max()
        label = f"filter of {row.value:g} nm, printed: {least:.1f} to {most:.1f} % left"
        _band(axis, rows["wavelength"].value, row.value, label)
    axis.set(xlabel="Wavelength (nm)", ylabel="Share of the light (%)")
    legend_above(axis, 2)
    return figure


@in_style
def filters(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the transmittance of both filters, and how much of what they pass goes to one basis."""
    figure, (axis, below) = new_figure(2, 1, height_cm=12, sharex=True, height_ratios=(2, 1))
    row = rows.get("filter_bandwidth")
    narrow = "narrow filter" if row is None else f"narrow filter, {row.value:g} nm (printed width)"
    axis.plot(table.wavelength_nm, table.narrow_db, color=BLUE, lw=1.2, label=narrow)
    axis.plot(table.wavelength_nm, table.broad_db, color=ORANGE, lw=1.2, ls="--", label="broad filter (assumed)")
    axis.plot(table.wavelength_nm, table.both_db, color=BLACK, lw=1.2, ls=":", label="both")
    axis.set(ylabel="Transmittance (dB)")
    legend_above(axis, 3)
    below.plot(table.wavelength_nm, 100 * table.steered, color=GREEN)
    below.set(xlabel="Wavelength (nm)", ylabel="To one basis (%)", ylim=(45, 105))
    return figure


@in_style
def blinding_monitor(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the monitor's voltage while light begins to blind a detector, with the printed alarm."""
    figure, axis = new_figure()
    for (current_ua, one), color in zip(table.groupby("photocurrent_ua"), (BLUE, VERMILION), strict=True):
        state = "blind" if one.blind.iloc[0] else "not blind"
        axis.plot(1e3 * one.seconds, one.monitor_v, ".-", ms=3, lw=1, color=color, label=f"{current_ua:g} µA: {state}")
    if (row := rows.get("monitor_alarm")) is not None:
        axis.axhline(row.value, color=BLACK, ls="--", label=f"alarm at {row.value:g} V, printed")
    blind_v = table.blind_v.iloc[0]
    axis.axhline(blind_v, color=GREEN, ls=":", label=f"blind above {blind_v:.2f} V (excess bias assumed)")
    axis.set(xlabel="Time since the light is on (ms)", ylabel="Monitor (V)")
    legend_above(axis, 2)
    return figure


@in_style
def spatial_modes(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw each detector's efficiency against the angle of the light, and the ratio of the best to the worst one."""
    figure, (axis, below) = new_figure(2, 1, height_cm=12, sharex=True, height_ratios=(2, 1))
    names = [name for name in table if name.startswith("detector_")]
    for name, color, style in zip(names, (BLUE, ORANGE, GREEN, VERMILION), ("-", "-", "-", ":"), strict=True):
        axis.plot(table.angle_urad, table[name], color=color, ls=style, label=name.replace("_", " "))
    below.plot(table.angle_urad, table.ratio, color=BLACK)
    if (row := rows.get("receiver_field_of_view")) is not None:
        inside = table.ratio[table.in_view].max()
        _band(axis, 0.0, row.value, f"{row.value:g} µrad, printed: ratio up to {inside:.1f}")
        _band(below, 0.0, row.value, "")
    axis.set(ylabel="Efficiency (own best = 1)")
    below.set(xlabel="Angle to the optical axis (µrad)", ylabel="Best over worst", yscale="log")
    legend_above(axis, 3)
    return figure


@in_style
def efficiency(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw range and efficiency of the link against time."""
    figure, axis = new_figure()
    axis.plot(table.elapsed_s, table.efficiency, color=BLUE, lw=2, label="link budget")
    style = {"color": VERMILION, "lw": 0.7}
    line_with_band(
        axis, table.elapsed_s, table.counted, table.counted_sigma, "counted, mean and σ of the runs", **style
    )
    row = rows.get("attenuation")
    if row is not None:
        for end, place in ((0, table.efficiency.idxmax()), (1, table.efficiency.idxmin())):
            value, bar_db = 10 ** (-row.ends[end] / 10), error_bar(row, end)
            bars = [[value * (1 - 10 ** (-bar_db / 10))], [value * (10 ** (bar_db / 10) - 1)]]
            axis.errorbar([table.elapsed_s[place]], [value], bars, label=None if end else PRINTED, **MARK)
    axis.set(xlabel=SECONDS, ylabel="Link efficiency", yscale="log")
    right = _range_on_the_right(axis, table)
    mark_extremes(right, table.elapsed_s, table.range_km, rows.get("range"), label=None)
    legend_above(axis, columns=2)
    return figure


@in_style
def tracking_error(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw what the loops leave of the vibration against time, and its spectrum with that of the transfer functions."""
    figure, (left, right) = new_figure(1, 2, width_cm=24, height_cm=9)
    series = table[table.kind == "series"]
    for (axis_name, one), color in zip(series.groupby("axis"), (BLUE, ORANGE), strict=True):
        left.plot(one.x, one.y, color=color, lw=0.7, label=f"{axis_name}, {one.rms_urad.iloc[0]:.2f} µrad rms")
    if (row := rows.get("residual_tracking_error")) is not None:
        for sign in (-1, 1):
            left.axhline(
                sign * row.ends[0], color=BLACK, ls="--", label=f"± {row.ends[0]:g} µrad, printed" if sign > 0 else None
            )
    left.set(xlabel="Time (s)", ylabel="Residual tracking error (µrad)")
    legend_above(left, 3)
    spectra = table[table.kind == "spectrum"]
    labels = {"x": "series, x", "y": "series, y", "model": "transfer functions"}
    for (name, label), color in zip(labels.items(), (BLUE, ORANGE, BLACK), strict=True):
        one = spectra[spectra.axis == name]
        right.plot(one.x, one.y, color=color, lw=1, ls="--" if name == "model" else "-", label=label)
    right.set(xscale="log", yscale="log", xlabel="Frequency (Hz)", ylabel="Spectral density (µrad²/Hz)")
    legend_above(right, 3)
    return figure


@in_style
def correlation_curves(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw coincidences of the monitor against the angle of the turned polariser, with the expectation."""
    figure, axis = new_figure(height_cm=10)
    for (basis, one), color in zip(table.groupby("basis", sort=False), (BLUE, VERMILION), strict=True):
        seen = one.iloc[0]
        label = f"fixed at {basis}: visibility {seen.visibility:.3f} ± {seen.visibility_sigma:.3f}"
        axis.errorbar(one.angle_deg, one.counts, one.counts_sigma, fmt="o", ms=4, capsize=2, color=color, label=label)
        axis.plot(one.angle_deg, one.expected, color=color, lw=1)
    whole, seconds = table.iloc[0], table.seconds.iloc[0]
    printed = rows.get("onboard_sampled_coincidence_rate")
    if printed is not None:
        axis.axhline(
            printed.ends[0] * seconds / 4, color=BLACK, ls="--", label=f"mean of {printed.ends[0]:g} pairs a second"
        )
    axis.set(xlabel="Angle of the turned polariser (°)", ylabel=f"Coincidences in {seconds:g} s")
    axis.set_ylim(0, 1.02 * axis.get_ylim()[1])
    figure.suptitle(
        f"Fidelity: at least {whole.fidelity_bound:.3f} ± {whole.fidelity_bound_sigma:.3f}; with white noise "
        f"{whole.fidelity_white_noise:.3f} ± {whole.fidelity_white_noise_sigma:.3f}",
        fontsize="medium",
    )
    legend_above(axis, 2)
    return figure


@in_style
def beam_scan(table: pd.DataFrame, rows: dict) -> Figure:
    """Draw the clicks of a scan along both axes, with the smeared and the still pattern."""
    figure, axes = new_figure(1, 2, width_cm=24, height_cm=9, sharey=True)
    row = rows.get("divergence_scanned")
    for axis, (name, one), color in zip(axes, table.groupby("axis"), (BLUE, VERMILION), strict=True):
        seen = one.iloc[0]
        label = f"clicks, 1/e²: {seen.divergence_urad:.2f} ± {seen.divergence_sigma_urad:.2f} µrad"
        axis.errorbar(one.offset_urad, one.counts, one.counts_sigma, fmt="o", ms=4, capsize=2, color=color, label=label)
        axis.plot(one.offset_urad, one.expected, color=color, lw=1.2, label="pattern and jitter")
        axis.plot(one.offset_urad, one.still, color=BLACK, lw=1, ls=":", label="pattern")
        if row is not None:  # a Gaussian falls to 1/e2 at half of its divergence
            narrower = seen.divergence_urad <= table.divergence_urad.min()
            half, height = row.ends[0 if narrower else 1] / 2, one.expected.max() * np.exp(-2)
            axis.plot([-half, half], [height] * 2, "D", color=BLACK, mfc=ORANGE, label=f"printed, {2 * half:g} µrad")
        axis.set_xlabel(f"Offset along {name} (µrad)")
        legend_above(axis, 2)
    axes[0].set_ylabel("Clicks")
    return figure
