"""Compare passes of one satellite over twenty stations with skyfield's find_events, equal to the second."""

import numpy as np

from benchmarks.pair import side_by_side
from satqkd.orbit import Station, read_elements
from satqkd.orbit.elements import Elements
from satqkd.orbit.passes import pass_times
from satqkd.orbit.propagation import trajectory

DAYS = (30, 365)
STATIONS = 20
MIN_ELEVATION_DEG = 10.0
ONE_SECOND = 1.0
START = np.datetime64("2018-09-15", "ns")


def rows() -> list[dict]:
    """Compare a month and a year. A missing peer gives a row that says so."""
    try:
        import skyfield
    except ImportError:
        return [{"what": "passes", "size": STATIONS, "peer_is": "skyfield is not installed"}]
    return [_row(days, f"skyfield {skyfield.__version__} find_events, {days} days") for days in DAYS]


def _row(days: int, peer_is: str) -> dict:
    elements, stations = _satellite(), _stations()
    end = START + np.timedelta64(days, "D")

    def ours():
        path = trajectory(elements, START, end, max_age_days=days + 1)
        return [pass_times(path, station, MIN_ELEVATION_DEG) for station in stations]

    peer, times_of = _skyfield(elements, stations, days)
    found = ours()
    for one, events in zip(found, peer(), strict=True):
        _require_equal(START + np.rint(1e9 * one).astype("timedelta64[ns]"), times_of(events), end, peer_is)
    count = sum(len(one) for one in found)
    return side_by_side("passes", count, ours, peer, peer_is=peer_is, repeats=3 if days > 100 else 5)


def _satellite() -> Elements:
    elements = read_elements("data/orbits/micius.csv")
    index = int(np.argmin(np.abs(elements.epochs - START)))
    one = slice(index, index + 1)
    return Elements(elements.name, elements.norad_id, elements.satrecs[one], elements.epochs[one])


def _stations() -> list[Station]:
    rng = np.random.default_rng(1)
    latitude_deg = np.degrees(np.arcsin(rng.uniform(-0.8, 0.9, STATIONS)))
    longitude_deg = rng.uniform(-180, 180, STATIONS)
    return [
        Station(f"s{index}", float(latitude), float(longitude), 500.0)
        for index, (latitude, longitude) in enumerate(zip(latitude_deg, longitude_deg, strict=True))
    ]


def _skyfield(elements: Elements, stations: list[Station], days: int):
    from skyfield.api import EarthSatellite, load, wgs84

    scale = load.timescale(builtin=True)
    satellite = EarthSatellite.from_satrec(elements.satrecs[0], scale)
    places = [wgs84.latlon(s.latitude_deg, s.longitude_deg, s.altitude_m) for s in stations]
    first = START.astype("datetime64[D]").item()
    begin, end = (scale.utc(first.year, first.month, first.day + shift) for shift in (0, days))

    def call():
        return [satellite.find_events(place, begin, end, altitude_degrees=MIN_ELEVATION_DEG) for place in places]

    def times_of(events):
        times, kinds = events
        return np.array(times.utc_strftime("%Y-%m-%dT%H:%M:%S.%f"), "datetime64[ns]"), kinds

    return call, times_of


def _require_equal(mine: np.ndarray, events, end: np.datetime64, peer_is: str) -> None:
    """Refuse a result that lacks an event of the peer (rise, culmination or set) within a second."""
    times, kinds = events
    for kind in range(3):
        theirs = times[kinds == kind]
        # We cut a pass that is under way when the search begins or ends; the peer reports some of its events.
        own = mine[(mine[:, 0] > START) & (mine[:, 2] < end), kind]
        distance_s = np.abs(own[:, None] - theirs[None, :]).min(axis=1) / np.timedelta64(1, "s")
        if not len(own) <= len(theirs) <= len(own) + 2 or distance_s.max() > ONE_SECOND:
            raise RuntimeError(
                f"{peer_is} finds {len(theirs)} events of kind {kind} where ours finds {len(own)}, up to "
                f"{distance_s.max():.1f} s apart: a ratio of speeds has no meaning"
            )
