"""Passes against the times that skyfield gives, and a plan's table with them."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from satqkd.orbit import Station, frames, read_elements
from satqkd.orbit.elements import Elements
from satqkd.orbit.passes import pass_times
from satqkd.orbit.propagation import trajectory
from satqkd.planner.windows import Sun, view

ROOT = Path(__file__).parents[2]
SECOND = np.timedelta64(1_000_000_000, "ns")


def groups():
    """By element set, station and lowest elevation, the rows of the table."""
    with (Path(__file__).parent / "skyfield_passes.csv").open(newline="") as handle:
        rows = list(csv.DictReader(line for line in handle if not line.startswith("#")))
    keys = ("elements", "epoch", "station", "latitude_deg", "longitude_deg", "altitude_m", "from_day")
    return [
        (key, list(found))
        for key, found in itertools.groupby(rows, lambda row: (*(row[k] for k in keys), row["min_elevation_deg"]))
    ]


@pytest.mark.parametrize(("key", "rows"), groups(), ids=["-".join((key[0], key[2], key[-1])) for key, _ in groups()])
def test_the_same_passes_as_skyfield_to_the_second(key, rows):
    name, epoch, station, latitude, longitude, altitude, day, lowest = key
    elements = read_elements(ROOT / "data/orbits" / name)
    [index] = [i for i, known in enumerate(elements.epochs) if str(known).startswith(epoch)]
    one = Elements(
        elements.name, elements.norad_id, elements.satrecs[index : index + 1], elements.epochs[index : index + 1]
    )
    start = np.datetime64(day, "ns")
    end = start + np.timedelta64(3, "D")
    path = trajectory(one, start, end)
    place = Station(station, float(latitude), float(longitude), float(altitude))
    found = pass_times(path, place, float(lowest))
    whole = found[(found[:, 0] > 0) & (found[:, 2] < path.duration_s)]
    times = np.array(
        [[row[f"{what}_utc"].removesuffix("Z") for what in ("rise", "culmination", "set")] for row in rows],
        "datetime64[ns]",
    )
    # Only skyfield has UT1 - UTC, below half a second in these years: so far the Earth turns under the satellite.
    one_second, turn_m, rounding_m = 1.0, 0.5 * frames.EARTH_ROTATION_RAD_S * frames.EARTH_RADIUS_M, 20.0
    assert whole.shape == times.shape
    assert np.abs(whole - (times - start) / SECOND).max() < one_second
    seen = view(path, [place], Sun.during(start, end), whole[:, 1])
    range_m = np.array([1e3 * float(row["range_km"]) for row in rows])
    assert np.abs(seen.range_m[:, 0] - range_m).max() < turn_m + rounding_m
    turned = np.radians(np.abs(seen.elevation_deg[:, 0] - [float(row["max_elevation_deg"]) for row in rows]))
    assert (turned * range_m).max() < turn_m + rounding_m
