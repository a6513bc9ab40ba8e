"""Figures of a link: its attenuation and efficiency, from the link budget and from what was counted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.analytic.expected import noise_hz, pair_rates, pulse_rates
from satqkd.channel import to_db
from satqkd.detection import read_tags
from satqkd.fiber.link import fiber_transmittance
from satqkd.flight import PS
from satqkd.papers.results import Results, mean_and_sigma
from satqkd.plot import showcase
from satqkd.scenario import Scenario
from satqkd.scenario.mission import DecoySource, EntangledSource

BLOCK_S = 25  # in which some tens of coincidences fall
DEAD_TIME_STEPS = 5  # each leaves at most a hundredth of the error


def attenuation(results: Results) -> pd.DataFrame:
    """Return the attenuation of two downlinks together, as the publication counts it, by second of the session shown.

    Columns: elapsed_s, elevation_<station>_deg, above_15deg (at every station), attenuation_db of the link budget; in
    the second in the middle of each block of 25 s counted_db, of the mean coincidences of the runs, and counted_low_db
    and counted_high_db, of one standard deviation more and less.
    """
    shown = showcase(results.channel)
    table = pd.DataFrame({"elapsed_s": shown.elapsed.values})
    for index, station in enumerate(shown.station.values):
        table[f"elevation_{station}_deg"] = shown.elevation.values[:, index]
    table["above_15deg"] = shown.elevation.values.min(axis=1) >= 15
    table["attenuation_db"] = shown.total_attenuation.values
    # What the publication counts besides the links themselves, which is the detectors or nothing.
    besides_db = float((shown.total_attenuation - shown.attenuation.sum("station")).mean())
    rows, _ = results.shown()
    edges = np.append(np.arange(0, rows.size - BLOCK_S // 2, BLOCK_S), rows.size)
    true = np.stack(list(_true_rates(results, rows, edges)))
    faint = np.full((1, 2), 1e-3)  # of the order of these links, so that dead time is theirs
    angles_deg = results.scenario.measurements[0].angles_deg
    per_link = pair_rates(results.scenario, faint, angles_deg=angles_deg)[0].sum() / faint.prod()
    mean, sigma = mean_and_sigma(true / per_link)
    middle = (edges[:-1] + edges[1:]) // 2
    for name, share in (("", mean), ("_low", mean + sigma), ("_high", np.maximum(mean - sigma, 0))):
        with np.errstate(divide="ignore"):
            table.loc[middle, f"counted{name}_db"] = to_db(share) + besides_db
    return table


def _true_rates(results: Results, rows: np.ndarray, edges: np.ndarray) -> Iterator[np.ndarray]:
    """Return coincidences per second in blocks of the session shown, less the accidental ones, by run."""
    session = results.orbit.attrs["showcase"]
    for data in results.each("coincidence", "rate", "accidentals", "session_duration"):
        accidental = float(data.accidentals[session] / data.session_duration[session])
        yield np.add.reduceat(data.rate.values[rows], edges[:-1]) / np.diff(edges) - accidental


def counted_efficiency(scenario: Scenario, sifted_rate_hz: np.ndarray) -> np.ndarray:
    """Return the transmittance of a downlink [1] at which the sifted signal bits come at a given rate [1/s].

    Notes
    -----
    Sifted bits rise with the transmittance from those that noise makes, in proportion except for dead time. Each step
    corrects a first proportion for it, and leaves that share of the error.
    """
    source = scenario.source
    assert isinstance(source, DecoySource)

    def bits(transmittance: np.ndarray) -> np.ndarray:
        return pulse_rates(scenario, transmittance)[:, :, 0].sum(axis=(0, 1))

    sent = source.pulse_rate_hz * source.shares[0]
    faint = np.array([0.0, 1e-9])
    dark, rise = bits(faint)[0], np.diff(bits(faint))[0] / faint[1]
    found = first = (np.ravel(sifted_rate_hz) / sent - dark) / rise
    for _ in range(DEAD_TIME_STEPS):
        found = found + first - (bits(found) - dark) / rise
    return found.reshape(np.shape(sifted_rate_hz))


def efficiency(results: Results) -> pd.DataFrame:
    """Return the efficiency of a downlink by second of the session shown, without the detectors.

    Columns: elapsed_s, range_km, efficiency of the link budget, counted and counted_sigma of the sifted bits.
    """
    rows, elapsed_s = results.shown()
    counted, sigma = mean_and_sigma(
        counted_efficiency(results.scenario, results.stacked("coincidence", "sifted_rate")[:, rows])
    )
    return pd.DataFrame(
        {
            "elapsed_s": elapsed_s,
            "range_km": results.channel.range.values[rows, 0] / 1e3,
            "efficiency": results.channel.transmittance.values[rows, 0],
            "counted": counted,
            "counted_sigma": sigma,
        }
    )


def against_fiber(results: Results) -> pd.DataFrame:
    """Return `efficiency` and that of a fibre of 0.2 dB/km against the distance, which begins at 0 for the fibre.

    Columns: as of `efficiency`, and fiber.
    """
    table = efficiency(results).sort_values("range_km", kind="stable")
    near = pd.DataFrame({"range_km": np.arange(0.0, table.range_km.min(), 20.0)})
    table = pd.concat([near, table], ignore_index=True)[["elapsed_s", *table.columns.drop("elapsed_s")]]
    table["fiber"] = fiber_transmittance(1e3 * table.range_km.to_numpy(), attenuation_db_per_km=0.2)
    return table


def single_links(results: Results) -> pd.DataFrame:
    """Return the efficiency of each link without detectors against its range, for this apparatus and the previous one.

    Columns: apparatus ("this work" or "previous"), station, elapsed_s, range_km, elevation_deg, efficiency of the link
    budget; counted and counted_sigma of this apparatus, from the clicks of each second.
    """
    rows, _ = results.shown()
    counted, sigma = mean_and_sigma(np.stack([_counted_links(results, run, rows) for run in results.runs]))
    tables = []
    for name, channel in (("this work", results.channel), ("previous", results.previous)):
        if channel is None:
            continue
        shown = showcase(channel)
        for index, station in enumerate(shown.station.values):
            columns = {
                "elapsed_s": shown.elapsed.values,
                "range_km": shown.range.values[:, index] / 1e3,
                "elevation_deg": shown.elevation.values[:, index],
                "efficiency": shown.transmittance.values[:, index],
            }
            table = pd.DataFrame({"apparatus": name, "station": station} | columns)
            if name == "this work":
                table.loc[: rows.size - 1, "counted"] = counted[:, index]
                table.loc[: rows.size - 1, "counted_sigma"] = sigma[:, index]
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _counted_links(results: Results, run: Path, rows: np.ndarray) -> np.ndarray:
    """Return clicks in each second of the session shown, less the noise, per pair that was sent, (second, station)."""
    scenario, times, session = results.scenario, results.orbit.time.values, results.orbit.attrs["showcase"]
    assert isinstance(scenario.source, EntangledSource)
    since_s = int((times[rows[0]] - times[0]) / np.timedelta64(1, "s"))
    links = []
    for station in scenario.stations:
        tags = read_tags(run / "detection.zarr", station.name)
        first, last = tags.attrs["session_first_tag"][session : session + 2]
        # The clock is off by milliseconds, which a second does not see.
        second = tags.time[first:last].values // int(PS) - since_s
        clicks = np.bincount(second[(second >= 0) & (second < rows.size)], minlength=rows.size)
        efficiency = np.mean([detector.efficiency for detector in station.detectors])
        links.append((clicks - noise_hz(scenario, station).sum()) / (scenario.source.pair_rate_hz * efficiency))
    return np.stack(links, axis=1)


def gain_db(table: pd.DataFrame) -> float:
    """Return the mean gain over the previous apparatus [dB] at station and ranges that both have; nan without one."""
    now, before = (table[table.apparatus == name] for name in ("this work", "previous"))
    gains = []
    for station in sorted(set(now.station) & set(before.station)):
        one, other = (t[t.station == station].sort_values("range_km") for t in (now, before))
        common = one[one.range_km.between(other.range_km.min(), other.range_km.max())]
        gains.append(to_db(np.interp(common.range_km, other.range_km, other.efficiency)) - to_db(common.efficiency))
    return float(np.mean(np.concatenate(gains))) if gains else np.nan
