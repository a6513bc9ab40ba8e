"""Which figures the papers have, and how each comes about: its table, its drawing, and what it can be held against."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from satqkd.channel import to_db
from satqkd.papers import beam, figures, links, monitor, nights, pairs, passes, pulses, receiver, survey, tracking
from satqkd.papers.results import Results
from satqkd.validation.reference import figure_id

NEAREST_S = 10  # seconds over which a paper's rate at a range is read off its curve, as in stage 4


@dataclass(frozen=True)
class PaperFigure:
    """A figure of a paper: the table behind it, its drawing, and the published values that the table answers.

    Attributes
    ----------
    title : str
        As the reference lists it.
    table : callable
        From `Results` to the data behind the figure.
    draw : callable
        From the table and the published values by id to a figure.
    values : callable
        From the table to what it says about published values: id to a number, a pair (lowest, highest), or the number
        and its standard deviation as {value, sigma}, in the published unit.
    inputs : tuple of str
        Printed properties of the apparatus that the figure shows, where no outcome is printed in numbers.
    """

    title: str
    table: Callable[[Results], pd.DataFrame]
    draw: Callable[[pd.DataFrame, dict], Figure]
    values: Callable[[pd.DataFrame], dict] = lambda table: {}
    inputs: tuple[str, ...] = ()


def extremes(values: pd.Series) -> tuple[float, float]:
    """Return the lowest and the highest value."""
    return float(values.min()), float(values.max())


def _ranges(table: pd.DataFrame) -> dict[str, Any]:
    return {name.removesuffix("_km"): extremes(table[name]) for name in table if name.startswith("range_")}


def _attenuation(table: pd.DataFrame) -> dict[str, Any]:
    values = {"attenuation_two_downlink": extremes(table.attenuation_db)}
    if "elevation_lijiang_deg" in table:
        above = table.attenuation_db[table.above_15deg]
        values["attenuation_lijiang_above_15deg"] = extremes(above)
    return values


def _counts(table: pd.DataFrame) -> dict[str, Any]:
    z, x = pairs.visibilities(table)
    return {
        "state_test_coincidences": {"value": table.counts.sum(), "sigma": (table.counts_sigma**2).sum() ** 0.5},
        "contrast_diagonal": (1 + x) / (1 - x),
        "fidelity_received": (z + x) / 2,
    }


def _bell(table: pd.DataFrame) -> dict[str, Any]:
    s, sigma = pairs.chsh_of(table)
    return {"chsh_s": {"value": s, "sigma": sigma}, "bell_trials": table.trials.sum()}


def _sifted_rate(table: pd.DataFrame) -> dict[str, Any]:
    order = table.sifted_rate.iloc[table.range_km.argsort(kind="stable")]
    return {
        "range": extremes(table.range_km),
        "sifted_bits": {"value": table.sifted_rate.sum(), "sigma": (table.sifted_rate_sigma**2).sum() ** 0.5},
        "sifted_rate_645km": order.iloc[:NEAREST_S].mean(),
        "sifted_rate_1200km": order.iloc[-NEAREST_S:].mean(),
    }


def _sifted_rate_mean(table: pd.DataFrame) -> dict[str, Any]:
    return {"sifted_rate": table.sifted_rate.mean(), "sifted_bits": _sifted_rate(table)["sifted_bits"]}


def _qber(name: str) -> Callable:
    def value(table: pd.DataFrame) -> dict[str, Any]:
        bits = table.sifted_bits.sum()
        return {name: (table.qber * table.sifted_bits).sum() / bits if bits else float("nan")}

    return value


def _sky(table: pd.DataFrame) -> dict[str, Any]:
    return {
        "session_duration": table.elapsed_s.iloc[-1],
        "max_angular_velocity": passes.turn_rate_deg_s(table).max(),
    }


def _advantage(table: pd.DataFrame) -> dict[str, Any]:
    farthest = table.iloc[-1]
    return {"advantage_vs_fiber_1200km": float(to_db(farthest.fiber) - to_db(farthest.counted)) / 10}


def _orbits(table: pd.DataFrame) -> dict[str, Any]:
    seen = {name: value for name, (value, _) in survey.observables(table).items()}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in seen.items()} | {
        "orbits_shortest_range": extremes(table.shortest_range_km)
    }


def _efficiency(table: pd.DataFrame) -> dict[str, Any]:
    low, high = extremes(pd.Series(to_db(table.efficiency)))
    return {"range": extremes(table.range_km), "attenuation": (low, high)}


def _keys(table: pd.DataFrame) -> dict[str, Any]:
    runs = table[table.kind == "run"]
    return {
        "qber": {"value": runs.qber.mean(), "sigma": runs.qber.std()},
        "finite_key_rate": runs.finite.mean(),
        "asymptotic_key_rate": runs.asymptotic.mean(),
        "qber_threshold_3100s": pairs.threshold(table),
    }


def _nothing_printed(table: pd.DataFrame) -> dict[str, Any]:
    """Return no value: text and captions, as far as they are known, print none."""
    return {}


def _tracking(table: pd.DataFrame) -> dict[str, Any]:
    return {"residual_tracking_error": tracking.rms_urad(table)}


def _contrast(table: pd.DataFrame) -> dict[str, Any]:
    return {
        "polarization_contrast_uncompensated": extremes(table.uncompensated),
        "polarization_contrast_of_optics": table.compensated.mean(),
    }


def _timeline(table: pd.DataFrame) -> dict[str, Any]:
    return {f"{phase}_time": passes.duration_s(table, phase) for phase in ("acquisition", "communication")}


_FIGURES = {
    "yin2017": [
        PaperFigure(
            "Fig 2B: correlation curves of the source on board",
            monitor.curves,
            figures.correlation_curves,
            lambda table: {"onboard_sampled_coincidence_rate": monitor.pair_rate(table)},
        ),
        PaperFigure("Fig 3C: residual tracking error over 50 s", tracking.residual, figures.tracking_error, _tracking),
        PaperFigure("Fig 4A: range to each station and their sum against time", passes.ranges, figures.ranges, _ranges),
        PaperFigure(
            "Fig 4B: two-downlink attenuation against time", links.attenuation, figures.attenuation, _attenuation
        ),
        PaperFigure(
            "Fig 5: normalised coincidence counts in H/V and diagonal basis, raw counts in brackets",
            pairs.basis_counts,
            figures.basis_counts,
            _counts,
        ),
        PaperFigure(
            "Fig 6A: space-time diagram",
            pairs.space_time,
            figures.space_time,
            lambda table: {"max_path_difference": table.path_km.max() - table.path_km.min()},
        ),
        PaperFigure(
            "Fig 6B: correlation E at the four CHSH settings, Poisson error bars",
            pairs.correlations,
            figures.correlations,
            _bell,
        ),
    ],
    "liao2017": [
        PaperFigure(
            "Fig 2b: residual tracking error of both axes", tracking.residual, figures.tracking_error, _tracking
        ),
        PaperFigure(
            "Fig 2c: polarisation contrast over one orbit, with and without compensation",
            passes.contrast,
            figures.contrast,
            _contrast,
        ),
        PaperFigure("Fig 3a: track of the satellite over the station (sky plot)", passes.track, figures.sky, _sky),
        PaperFigure(
            "Fig 3b: sifted key rate against time and range", pulses.sifted_rate, figures.sifted_rate, _sifted_rate
        ),
        PaperFigure("Fig 3c: QBER against time", pulses.qber, figures.qber, _qber("qber")),
        PaperFigure(
            "Fig 4: link efficiency against distance, satellite and 0.2 dB/km fibre",
            links.against_fiber,
            figures.against_fiber,
            _advantage,
        ),
        PaperFigure(
            "ED Fig 1: mean sifted rate against shortest range for 23 orbits, QBER inset",
            survey.orbits,
            figures.orbits,
            _orbits,
        ),
        PaperFigure(
            "ED Fig 5a: histogram of arrival times, 100 ps bins",
            pulses.arrival_times,
            figures.arrival_times,
            lambda table: {"arrival_time_spread": pulses.spread_ns(table, window_ns=2.0)},
        ),
        PaperFigure(
            "ED Fig 5b: far field of the transmitter, in a thermal vacuum",
            beam.pattern,
            figures.beam_pattern,
            lambda table: {"divergence_in_vacuum": beam.divergences_urad(table)},
        ),
        PaperFigure(
            "ED Fig 5c: far field of the transmitter, scanned from the ground",
            beam.scan,
            figures.beam_scan,
            lambda table: {"divergence_scanned": beam.divergences_urad(table)},
        ),
    ],
    "yin2020": [
        PaperFigure("Fig 2a: range to each station and their sum against time", passes.ranges, figures.ranges, _ranges),
        PaperFigure(
            "Fig 2b: two-downlink attenuation against time", links.attenuation, figures.attenuation, _attenuation
        ),
        PaperFigure(
            "Fig 3a: splitting of the receiver's beam splitter against wavelength, filter of 5 nm",
            receiver.splitting,
            figures.splitting,
            inputs=("wavelength", "filter_bandwidth"),
        ),
        PaperFigure(
            "Fig 3b: output of the monitor of blinding, alarm at 1.2 V",
            receiver.blinding_monitor,
            figures.blinding_monitor,
            inputs=("monitor_alarm", "sampling_resistance", "quenching_resistance", "monitor_sampling_rate"),
        ),
        PaperFigure(
            "Fig 3c: efficiency of the detectors against the angle of the light, field of view of 27 µrad",
            receiver.spatial_modes,
            figures.spatial_modes,
            inputs=("receiver_field_of_view",),
        ),
        PaperFigure(
            "ED Fig 1: link efficiency on hazy and clear nights",
            nights.clear_and_hazy,
            figures.clear_and_hazy,
            lambda table: {"range_delingha": extremes(table.range_km)},
        ),
        PaperFigure(
            "ED Fig 2: link efficiency through the season, October 2018 to April 2019",
            nights.through_the_season,
            figures.through_the_season,
            _nothing_printed,
        ),
        PaperFigure(
            "ED Fig 3: single-link efficiency against range, this work and the previous",
            links.single_links,
            figures.single_links,
            lambda table: {"collection_gain_per_link": links.gain_db(table)},
        ),
        PaperFigure(
            "ED Fig 4: finite secret key rate against QBER for 3,100 s, asymptotic limit 11%",
            pairs.key_rates,
            figures.key_rates,
            _keys,
        ),
        PaperFigure(
            "ED Fig 6: narrow and broad filter against wavelength",
            receiver.filters,
            figures.filters,
            inputs=("wavelength", "filter_bandwidth"),
        ),
        PaperFigure("ED Table 4: E at the four CHSH settings", pairs.correlations, figures.correlations, _bell),
    ],
    "tiangong2": [
        PaperFigure("Table 1: phases of a pass, by zenith angle", passes.timeline, figures.timeline, _timeline),
        PaperFigure(
            "Fig 2a: range and link efficiency against time", links.efficiency, figures.efficiency, _efficiency
        ),
        PaperFigure("Fig 2b: sifted key rate against time", pulses.sifted_rate, figures.sifted_rate, _sifted_rate_mean),
        PaperFigure("Fig 2c: QBER against time", pulses.qber, figures.qber, _qber("qber_signal")),
    ],
}

# By reference and by the name of the figure's files.
CATALOGUE = {name: {figure_id(one.title): one for one in found} for name, found in _FIGURES.items()}
