"""Stage 1: where is the satellite? Sessions that a scenario can use, second by second."""

import csv
from collections import Counter
from datetime import datetime
from typing import cast

import numpy as np
import xarray as xr

from satqkd.bench import still_orbit
from satqkd.dataset import label, variable
from satqkd.orbit import frames
from satqkd.orbit.elements import Elements, nearest, read_elements
from satqkd.orbit.lights import lights
from satqkd.orbit.passes import JointPass, joint_passes, passes
from satqkd.orbit.polarization import frame_rotation_deg, rotated_contrast, satellite_axis, station_axis
from satqkd.orbit.propagation import LookAngles, Place, look_angles, propagate
from satqkd.orbit.timeline import PHASES, Search, crossing_s, phase_starts_s, signed_zenith_deg
from satqkd.scenario import Bench, Experiment, Recorded, Scenario, ScenarioError
from satqkd.scenario.mission import Acquisition, Orbit, Relay

LEAD_S = 1800  # before a session, in which the satellite rises
FINE_STEP = np.timedelta64(100_000_000, "ns")  # within which a session's start and end are found
SECOND = np.timedelta64(1_000_000_000, "ns")
LONGEST_DAYS = 1.0  # that a satellite, a slow one, may be in view in one session
COMMUNICATION = PHASES.index("communication")
MOST_DAYS = 106.0  # from the first session's start, which picoseconds of 64 bits count
# What keeps a pass from being a session, and the way out, by the key of the condition.
CLOSED = {
    "max_sun_elevation_deg": ("never in darkness", "raise max_sun_elevation_deg={:g}"),
    "satellite_in_shadow": ("never with the satellite in shadow", "leave out satellite_in_shadow"),
    "max_range_m": ("never near enough", "raise max_range_m={:g}"),
    "min_duration_s": ("too short", "lower min_duration_s={:g}"),
}


def find_sessions(scenario: Scenario | Recorded) -> xr.Dataset:
    """Find the passes that fulfil a scenario and follow the satellite through them.

    Parameters
    ----------
    scenario : Scenario or Recorded
        With an orbit, or on a bench, which has one session for each step.

    Returns
    -------
    xarray.Dataset
        Range, elevation, azimuth, range rate, rotation of the polarisation, Sun and shadow by second and station, whole
        sessions one after another; `measurement` says what each second of open link is for, -1 for none.

    Raises
    ------
    ScenarioError
        When no pass fulfils the conditions, or not enough of them, and for recordings without an orbit.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> orbit = find_sessions(load_scenario("data/scenarios/yin2020.yaml"))
    >>> round(float(orbit.baseline) / 1e3), orbit.sizes["session"]
    (1120, 12)
    """
    if isinstance(scenario, Bench):
        return label(_bench(scenario), "orbit", scenario)
    if scenario.orbit is None:
        raise ScenarioError(
            f"{scenario.path}: has no orbit: leave stage 1 out for recordings of one place, or add the key orbit"
        )
    elements = read_elements(scenario.file(scenario.orbit.elements), scenario.orbit.norad_id)
    sessions = [_recorded(scenario, elements)] if isinstance(scenario, Recorded) else _search(scenario, elements)
    data = xr.concat(
        [s.drop_dims("session") for s in sessions],
        "time",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="outer",
    )
    number = np.concatenate([np.full(s.sizes["time"], i, np.int16) for i, s in enumerate(sessions)])
    data = data.assign_coords(session_number=variable("time", number, "1", "session"))
    measurement = _schedule(scenario, number)
    data["measurement"] = variable("time", measurement, "1", "index of the measurement that begins here, -1 for none")
    data["link_open"] = variable("time", measurement >= 0, "1", "whether the second that begins here is used")
    summary = xr.concat(
        [s.drop_dims("time") for s in sessions],
        "session",
        data_vars="all",
        coords="minimal",
        compat="override",
        join="outer",
    )
    data = data.merge(summary).assign_coords(session=("session", np.arange(len(sessions), dtype=np.int16)))
    _polarization(scenario, data)
    data["baseline"] = variable((), _baseline_m(scenario), "m", "straight chord between the stations")
    data.attrs |= {
        "showcase": _showcase(scenario.orbit.showcase, data),
        "utc_offset_h": scenario.stations[0].utc_offset_h,
    }
    if isinstance(scenario, Scenario) and scenario.orbit.survey:
        data = data.merge(_survey(scenario, elements, scenario.orbit.survey))
    if isinstance(scenario, Scenario) and scenario.relay:
        data = data.merge(_relay(scenario, elements, data, scenario.relay))
    return label(data, "orbit", scenario)


def _bench(scenario: Bench) -> xr.Dataset:
    """Return a session for each step of a bench, with all measurements in each."""
    once = np.repeat(np.arange(len(scenario.measurements)), [m.duration_s for m in scenario.measurements])
    steps = len(scenario.losses_db)
    return still_orbit(
        [station.name for station in scenario.stations],
        np.tile(np.append(once, -1), steps),  # the last row of a session only closes its last second
        session_number=np.repeat(np.arange(steps), once.size + 1),
    )


def _search(scenario: Scenario, elements: Elements) -> list[xr.Dataset]:
    """Return sessions in order of time until the measurements have their seconds."""
    wanted = _wanted_seconds(scenario)
    sessions: list[xr.Dataset] = []
    open_s, closed = 0, Counter[str]()
    for joint in joint_passes(
        elements,
        scenario.stations,
        _ns(scenario.orbit.search_start),
        _ns(scenario.orbit.search_end),
        scenario.orbit.min_elevation_deg,
    ):
        session = _session(scenario, elements, joint)
        if isinstance(session, str):
            closed[session] += 1
            continue
        sessions.append(session)
        open_s += session.sizes["time"] - 1
        if open_s >= wanted:
            break
    if open_s < wanted:
        needed = f"{wanted:.0f} s" if wanted > 1 else "a session"
        raise ScenarioError(
            f"{scenario.path}: orbit gives {open_s:.0f} s of sessions from {scenario.orbit.search_start:%Y-%m-%d} to "
            f"{scenario.orbit.search_end:%Y-%m-%d} where measurements want {needed}; "
            f"{_closed_passes(scenario.orbit, closed, len(sessions))}"
        )
    days = float((sessions[-1].time.values[-1] - sessions[0].time.values[0]) / SECOND) / 86400
    if days > MOST_DAYS:
        raise ScenarioError(
            f"{scenario.path}: orbit gives sessions over {days:.1f} days, more than the {MOST_DAYS:g} that time tags "
            "of 64 bits count in picoseconds: let measurements want fewer seconds, or make two scenarios of it"
        )
    return sessions


def _recorded(scenario: Recorded, elements: Elements) -> xr.Dataset:
    """Return the session that a recorded scenario names."""
    assert scenario.orbit is not None
    wanted, duration_s = _wanted_seconds(scenario), int(scenario.orbit.duration_s)
    if duration_s < wanted:
        raise ScenarioError(
            f"{scenario.path}: orbit.duration_s={duration_s} is less than the {wanted:g} s that measurements want"
        )
    times = _ns(scenario.orbit.start) + np.arange(duration_s + 1) * SECOND
    fine = np.arange(times[0], times[-1] + FINE_STEP, FINE_STEP)
    views = _views(elements, scenario, fine)
    for view, station in zip(views, scenario.stations, strict=True):
        if view.elevation_deg.min() < 0:
            raise ScenarioError(
                f"{scenario.path}: orbit puts the satellite {-view.elevation_deg.min():.1f} degrees below the horizon "
                f"of {station.name}: check orbit.start={scenario.orbit.start:%Y-%m-%dT%H:%M:%SZ} and orbit.elements"
            )
    return _follow(scenario, elements, times).merge(_extent(fine, views, duration_s))


def _ns(time: datetime) -> np.datetime64:
    return np.datetime64(time.replace(tzinfo=None), "ns")


def _wanted_seconds(scenario: Experiment) -> float:
    # A measurement without a duration takes what is left, which is a second at the least.
    return sum(m.pause_s + (m.duration_s or 1) for m in scenario.measurements)


def _closed_passes(conditions: Orbit, closed: Counter[str], used: int) -> str:
    """Return how many passes there are, what keeps some of them from being sessions, and the ways out."""
    total, values = used + closed.total(), conditions.model_dump()
    reasons = ", ".join(f"{closed[key]} {words}" for key, (words, _) in CLOSED.items() if key in closed)
    kept = f"of {total} pass{'es' * (total > 1)}, {reasons or 'all used'}" if total else "no pass is high enough"
    ways = ["search longer", f"lower min_elevation_deg={conditions.min_elevation_deg:g}"]
    ways += [way.format(values[key]) for key, (_, way) in CLOSED.items() if key in closed]
    return f"{kept}: {', '.join(ways[:-1])} or {ways[-1]}"


def _session(scenario: Scenario, elements: Elements, joint: JointPass) -> xr.Dataset | str:
    """Return the part of a joint pass that fulfils the scenario's conditions, or the key of `CLOSED` that is not."""
    conditions = scenario.orbit
    days = float((joint.end - joint.start) / SECOND) / 86400
    if days > LONGEST_DAYS:  # every tenth of a second of it would be computed
        raise ScenarioError(
            f"{scenario.path}: orbit.elements={conditions.elements}: the satellite is in view for {days:.1f} days on "
            f"end, more than {LONGEST_DAYS:g}: let search_end follow search_start within a day"
        )
    fine = np.arange(joint.start, joint.end, FINE_STEP)
    views = _views(elements, scenario, fine)
    fulfilled = _fulfilled(conditions, views)
    if never := [key for key, moments in fulfilled.items() if not moments.any()]:
        return never[0]
    usable = np.all(list(fulfilled.values()), axis=0)
    if conditions.acquisition is not None and conditions.acquisition.sessions == "timeline":
        starts_s, _ = _phases(scenario, elements, conditions.acquisition, start=fine[0], end=fine[-1])
        elapsed_s = (fine - fine[0]) / SECOND
        usable &= (elapsed_s >= starts_s[:, COMMUNICATION].max()) & (elapsed_s <= starts_s[:, -1].min())
    first, last = _longest_run(usable)
    if conditions.max_duration_s is not None:
        last = min(last, first + round(conditions.max_duration_s * SECOND / FINE_STEP))
    duration_s = (last - first) * FINE_STEP / SECOND
    if duration_s < max(conditions.min_duration_s, 1.5):
        return "min_duration_s"
    start = (fine[first] + SECOND // 2).astype("datetime64[s]").astype("datetime64[ns]")
    times = start + np.arange(round(duration_s) + 1) * SECOND
    followed = _follow(scenario, elements, times)
    # The whole seconds nearest to a session's ends may lie up to a second outside, but never below the horizon.
    first_row, end_row = _longest_run(followed.elevation.values.min(axis=1) >= 0)
    if end_row - first_row < 2:
        return "min_duration_s"
    session = followed.isel(time=slice(first_row, end_row)).merge(
        _extent(fine[first:last], [_cut(v, first, last) for v in views], duration_s)
    )
    if conditions.acquisition is not None:
        starts_s, zenith_deg = _phases(scenario, elements, conditions.acquisition, start=times[0], end=times[-1])
        each = ("session", "station", "phase")
        session["phase_start"] = variable(each, starts_s[None], "s", "begin of a phase, since the session's start")
        session["phase_zenith"] = variable(each, zenith_deg[None], "degree", "zenith angle there, negative rising")
        session = session.assign_coords(phase=list(PHASES))
    return session


def search(acquisition: Acquisition) -> Search:
    """Return the search of a scenario's terminals in SI units.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> search(load_scenario("tiangong2").orbit.acquisition).dwell_s
    1.0
    """
    return Search(
        pointing_sigma_rad=acquisition.pointing_sigma_urad * 1e-6,
        look_rad=acquisition.look_urad * 1e-6,
        overlap=acquisition.overlap,
        dwell_s=acquisition.dwell_s,
        coarse_bandwidth_hz=acquisition.coarse_bandwidth_hz,
        fine_field_rad=acquisition.fine_field_urad * 1e-6,
        fine_bandwidth_hz=acquisition.fine_bandwidth_hz,
        residual_rad=acquisition.residual_urad * 1e-6,
    )


def _phases(
    scenario: Scenario, elements: Elements, acquisition: Acquisition, *, start: np.datetime64, end: np.datetime64
) -> tuple[np.ndarray, np.ndarray]:
    """Return when the phases of a pass begin [s after the start] and the zenith angles there, shape (station, phase).

    The search takes its mean time. The pass is followed from before the start to after the end.
    """
    duration_s = float((end - start) / SECOND)
    seconds = np.arange(-LEAD_S, np.ceil(duration_s) + LEAD_S)
    views = _views(elements, scenario, start + seconds.astype(np.int64) * SECOND)
    acquisition_s, starts_s, zenith_deg = search(acquisition).mean_s(), [], []
    for view in views:
        begin_s = crossing_s(seconds, view.elevation_deg, acquisition.begin_elevation_deg, rising=True)
        end_s = duration_s
        if acquisition.end_elevation_deg is not None:
            end_s = crossing_s(seconds, view.elevation_deg, acquisition.end_elevation_deg, rising=False)
        starts_s.append(
            phase_starts_s(
                begin_s=begin_s,
                end_s=end_s,
                initialisation_s=acquisition.initialisation_s,
                acquisition_s=acquisition_s,
                link_s=acquisition.link_s,
            )
        )
        zenith_deg.append(signed_zenith_deg(seconds, view.elevation_deg, starts_s[-1]))
    return np.array(starts_s), np.array(zenith_deg)


def _fulfilled(conditions: Orbit, views: list[LookAngles]) -> dict[str, np.ndarray]:
    """Return when each condition of the orbit holds at every station, by its key."""
    fulfilled = {
        "max_sun_elevation_deg": [view.sun_elevation_deg <= conditions.max_sun_elevation_deg for view in views]
    }
    if conditions.satellite_in_shadow:
        fulfilled["satellite_in_shadow"] = [~view.sunlit for view in views]
    if conditions.max_range_m is not None:
        fulfilled["max_range_m"] = [view.range_m <= conditions.max_range_m for view in views]
    return {key: np.all(moments, axis=0) for key, moments in fulfilled.items()}


def _longest_run(usable: np.ndarray) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], usable, [False]])))
    if not edges.size:
        return 0, 0
    longest = np.argmax(edges[1::2] - edges[::2])
    return int(edges[2 * longest]), int(edges[2 * longest + 1])


def _one_set(elements: Elements, times: np.ndarray) -> Elements:
    """Return one element set for a whole session, since a change of set within it would be a jump of kilometres."""
    index = nearest(elements, times[times.size // 2 : times.size // 2 + 1])[0]
    return Elements(
        elements.name, elements.norad_id, elements.satrecs[index : index + 1], elements.epochs[index : index + 1]
    )


def _places(scenario: Experiment) -> list[Place]:
    """Return the stations, which have coordinates wherever there is an orbit: the model of the scenario sees to it."""
    return cast(list[Place], list(scenario.stations))


def _views(elements: Elements, scenario: Experiment, times: np.ndarray) -> list[LookAngles]:
    one = _one_set(elements, times)
    return [look_angles(one, station, times) for station in _places(scenario)]


def _frame_rotations_deg(elements: Elements, scenario: Experiment, times: np.ndarray) -> np.ndarray:
    turned = frames.sidereal_angle_rad(times)
    position, velocity = (
        frames.rotate_about_pole(vectors, turned) for vectors in propagate(_one_set(elements, times), times)
    )
    held = satellite_axis(scenario.polarization.satellite_axis, position, velocity)
    rotations = []
    for place, mount in zip(_places(scenario), [station.mount for station in scenario.stations], strict=True):
        sight = frames.geodetic_to_itrs(place.latitude_deg, place.longitude_deg, place.altitude_m) - position
        sight /= np.linalg.norm(sight, axis=1, keepdims=True)
        axes = frames.local_axes(place.latitude_deg, place.longitude_deg)
        rotations.append(frame_rotation_deg(sight, held, station_axis(mount, axes)))
    return np.stack(rotations, axis=1)


def _fitting_rotations_deg(
    elements: Elements, scenario: Experiment, *, times: np.ndarray, elevation_deg: float, first_deg: np.ndarray
) -> np.ndarray:
    """Return the frame rotation at which each station's standing plate fits [degree], shape (station,).

    The satellite may reach the plate's elevation before the session, so its rise is followed from earlier on.

    Parameters
    ----------
    elements : Elements
    scenario : Experiment
    times : ndarray, shape (time,)
        Seconds of the session.
    elevation_deg : float
        Elevation of the rising satellite at which the plates fit [degree].
    first_deg : ndarray, shape (station,)
        Frame rotation at the session's start, to which the result is continuous [degree].

    Raises
    ------
    ScenarioError
        Where the satellite does not rise through this elevation.
    """
    elements = _one_set(elements, times)
    rise = np.concatenate([times[0] - np.arange(LEAD_S, 0, -1) * SECOND, times])
    rotation_deg = _frame_rotations_deg(elements, scenario, rise)
    fitting_deg = np.empty(len(scenario.stations))
    for i, view in enumerate(_views(elements, scenario, rise)):
        top = int(np.argmax(view.elevation_deg))
        bottom = int(np.argmin(view.elevation_deg[: top + 1]))
        rising_deg = view.elevation_deg[bottom : top + 1]
        if not rising_deg[0] <= elevation_deg <= rising_deg[-1]:
            raise ScenarioError(
                f"{scenario.path}: polarization.plate_elevation_deg={elevation_deg:g} is outside the "
                f"{max(rising_deg[0], 0.0):.1f} to {rising_deg[-1]:.1f} degrees through which the satellite rises over "
                f"{scenario.stations[i].name} on {str(times[0])[:10]}: give one of them, or leave it out"
            )
        there_deg = np.interp(elevation_deg, rising_deg, rotation_deg[bottom : top + 1, i])
        fitting_deg[i] = first_deg[i] + there_deg - rotation_deg[LEAD_S, i]
    return fitting_deg


def _cut(view: LookAngles, first: int, last: int) -> LookAngles:
    return LookAngles(**{name: values[first:last] for name, values in vars(view).items()})


def _follow(scenario: Experiment, elements: Elements, times: np.ndarray) -> xr.Dataset:
    views = _views(elements, scenario, times)
    texts = {
        "range_m": ("range", "m", "distance from the station"),
        "elevation_deg": ("elevation", "degree", "elevation without refraction"),
        "azimuth_deg": ("azimuth", "degree", "azimuth from north through east"),
        "range_rate_m_s": ("range_rate", "m s-1", "rate of the range, positive receding"),
        "sun_elevation_deg": ("sun_elevation", "degree", "elevation of the Sun at the station"),
        "sunlit": ("sunlit", "1", "whether the Sun shines on the satellite"),
    }
    data = xr.Dataset(
        {
            name: variable(("time", "station"), np.stack([getattr(v, field) for v in views], axis=1), units, text)
            for field, (name, units, text) in texts.items()
        }
    )
    data["frame_rotation"] = variable(
        ("time", "station"),
        _frame_rotations_deg(elements, scenario, times),
        "degree",
        "angle of the satellite's polarisation axis from the station's",
    )
    if isinstance(scenario, Scenario) and any(station.sky for station in scenario.stations):
        _add_lights(scenario, data, times)
    fitting_deg = data.frame_rotation.values[0]  # at the start of the session, unless an elevation is given
    if (elevation_deg := scenario.polarization.plate_elevation_deg) is not None:
        fitting_deg = _fitting_rotations_deg(
            elements, scenario, times=times, elevation_deg=elevation_deg, first_deg=fitting_deg
        )
    data["fitting_rotation"] = variable(
        ("session", "station"), fitting_deg[None], "degree", "frame rotation at which a standing plate fits"
    )
    _, velocity = propagate(elements, times)
    data["speed"] = variable("time", np.linalg.norm(velocity, axis=1), "m s-1", "orbital speed")
    for name, units in (("latitude_deg", "degree"), ("longitude_deg", "degree"), ("altitude_m", "m")):
        data["satellite_" + name.rsplit("_", 1)[0]] = variable(
            "time", getattr(views[0], name), units, "satellite, WGS84"
        )
    return data.assign_coords(time=times, station=[station.name for station in scenario.stations])


def _add_lights(scenario: Scenario, data: xr.Dataset, times: np.ndarray) -> None:
    """Add where Moon and Sun stand, for the light of the sky."""
    seen = [
        lights(place, times, elevation_deg=data.elevation.values[:, i], azimuth_deg=data.azimuth.values[:, i])
        for i, place in enumerate(scenario.stations)
    ]
    for field, text in [
        ("moon_elevation_deg", "elevation of the Moon at the station"),
        ("moon_separation_deg", "angle between the Moon and the line of sight"),
        ("moon_phase_angle_deg", "angle between Sun and Earth at the Moon, 0 at full Moon"),
        ("sun_separation_deg", "angle between the Sun and the line of sight"),
    ]:
        values = np.stack([getattr(one, field) for one in seen], axis=1)
        data[field.removesuffix("_deg")] = variable(("time", "station"), values, "degree", text)


def _extent(fine: np.ndarray, views: list[LookAngles], duration_s: float) -> xr.Dataset:
    ranges = np.stack([view.range_m for view in views], axis=1)
    closest = fine[np.argmin(ranges.sum(axis=1))]
    rate = [
        np.abs(np.gradient(np.unwrap(np.deg2rad(v.azimuth_deg)))) * np.cos(np.deg2rad(v.elevation_deg)) for v in views
    ]
    rise = [np.gradient(np.deg2rad(v.elevation_deg)) for v in views]
    angular = np.rad2deg(np.max(np.hypot(rate, rise))) * (SECOND / FINE_STEP)
    return xr.Dataset(
        {
            "session_start": ("session", fine[:1]),
            "closest_approach": ("session", np.array([closest])),
            "session_duration": variable("session", [duration_s], "s", "length of the session"),
            "shortest_range": variable(("session", "station"), ranges.min(axis=0)[None], "m", "shortest range"),
            "longest_range": variable(("session", "station"), ranges.max(axis=0)[None], "m", "longest range"),
            "shortest_range_sum": variable("session", [ranges.sum(axis=1).min()], "m", "shortest sum of the ranges"),
            "longest_range_sum": variable("session", [ranges.sum(axis=1).max()], "m", "longest sum of the ranges"),
            "largest_range_difference": variable(
                "session", [np.ptp(ranges, axis=1).max()], "m", "largest difference of paths"
            ),
            "largest_angular_rate": variable("session", [angular], "degree s-1", "fastest turn of a telescope"),
            "max_elevation": variable(
                ("session", "station"), [[v.elevation_deg.max() for v in views]], "degree", "highest"
            ),
        }
    )


def _polarization(scenario: Experiment, data: xr.Dataset) -> None:
    """Add the rotation that the analysers see, and the contrast with and without a plate that follows it."""
    rotation, number = data.frame_rotation.values, data.session_number.values
    # Without compensation the plate stays where it fits at one elevation, or at the start of each session.
    standing = rotation - data.fitting_rotation.values[number]
    followed = np.full_like(rotation, scenario.polarization.residual_deg)
    each = ("time", "station")
    seen = followed if scenario.polarization.compensated else standing
    data["polarization_rotation"] = variable(each, seen, "degree", "rotation of the polarisation that analysers see")
    contrast = scenario.source.polarization_contrast
    if contrast is None:
        return
    for name, angle in (("uncompensated", standing), ("compensated", followed)):
        data[f"contrast_{name}"] = variable(
            each, rotated_contrast(contrast, angle), "1", f"polarisation contrast, ratio to 1, {name}"
        )


def _schedule(scenario: Experiment, number: np.ndarray) -> np.ndarray:
    """Return what each second is for: the measurements in their order; the last node of a session only closes it."""
    closing = np.append(number[1:] != number[:-1], True)
    seconds = np.flatnonzero(~closing)
    result = np.full(number.size, -1, np.int8)
    result[seconds] = scenario.schedule(seconds.size)
    return result


def _baseline_m(scenario: Experiment) -> float:
    if len(scenario.stations) < 2:
        return float("nan")
    return _chord_m(*_places(scenario))


def _chord_m(*places: Place) -> float:
    return frames.chord_m(*(frames.geodetic_to_itrs(p.latitude_deg, p.longitude_deg, p.altitude_m) for p in places))


def _showcase(near: datetime | None, data: xr.Dataset) -> int:
    """Return the number of the session nearest to a time, or of the first."""
    if near is None:
        return 0
    return int(np.argmin(np.abs(data.session_start.values - _ns(near))))


def _survey(scenario: Scenario, elements: Elements, survey: str) -> xr.Dataset:
    """Find the highest pass of each night of the survey, over the station that its line names."""
    path = scenario.file(survey)
    with path.open(newline="") as handle:
        nights = list(csv.DictReader(handle))
    best = []
    for night in nights:
        station = _SurveyStation(night)
        start = np.datetime64(night["search_from_utc"].removesuffix("Z"), "ns")
        seen = passes(elements, station, start, start + np.timedelta64(8, "h"), scenario.orbit.min_elevation_deg)
        if not seen:
            raise ScenarioError(
                f"{path}: {night['date_utc']} has no pass over {night['station']} above "
                f"{scenario.orbit.min_elevation_deg:g} degrees: check the night and the element sets"
            )
        best.append(max(seen, key=lambda p: p.max_elevation_deg))
    return xr.Dataset(
        {
            "survey_range": variable("night", [p.shortest_range_m for p in best], "m", "shortest range of the night"),
            "survey_elevation": variable("night", [p.max_elevation_deg for p in best], "degree", "highest elevation"),
            "survey_time": ("night", np.array([p.culmination for p in best])),
        },
        coords={"night": [f"{night['date_utc']} {night['station']}" for night in nights]},
    )


def _relay(scenario: Scenario, elements: Elements, data: xr.Dataset, station: Relay) -> xr.Dataset:
    """Find the first pass over the second station, after the session shown, that fulfils the conditions at its
    highest.
    """
    shown = data.isel(session=data.attrs["showcase"])
    start = shown.closest_approach.values
    end = start + np.timedelta64(round(3600 * station.max_delay_h), "s")
    for later in passes(elements, station, start, end, scenario.orbit.min_elevation_deg):
        # A pass cut at the start is one that both stations saw at once: nothing would have to be carried.
        view = look_angles(elements, station, np.array([later.culmination]))
        if later.rise > start and all(moments.all() for moments in _fulfilled(scenario.orbit, [view]).values()):
            break
    else:
        raise ScenarioError(
            f"{scenario.path}: relay finds no pass over {station.name} that fulfils the conditions of orbit within "
            f"max_delay_h={station.max_delay_h:g}: wait longer"
        )
    return xr.Dataset(
        {
            "relay_time": ((), later.culmination),
            "relay_delay": variable((), (later.culmination - start) / SECOND, "s", "from the closest approach shown"),
            "relay_range": variable((), later.shortest_range_m, "m", "shortest range over the second station"),
            "relay_baseline": variable(
                (), _chord_m(scenario.stations[0], station), "m", "straight chord between the two stations"
            ),
        }
    )


class _SurveyStation:
    def __init__(self, row: dict) -> None:
        self.latitude_deg, self.longitude_deg = float(row["latitude_deg"]), float(row["longitude_deg"])
        self.altitude_m = float(row["altitude_m"])


def observables(data: xr.Dataset) -> dict[str, tuple[float | list[float], str]]:
    """Return what a publication can be compared with: name to (value or [low, high], unit).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> value, unit = observables(find_sessions(load_scenario("yin2017")))["baseline"]
    >>> round(value, 1), unit
    (1203.3, 'km')
    """
    shown = data.isel(session=data.attrs["showcase"])
    result: dict[str, tuple[float | list[float], str]] = {
        "session_duration": (float(shown.session_duration), "s"),
        "local_start_time": (
            _hours(shown.session_start.values + np.timedelta64(round(3600 * data.attrs["utc_offset_h"]), "s")),
            "h after midnight",
        ),
        "range_sum": ([float(shown.shortest_range_sum) / 1e3, float(shown.longest_range_sum) / 1e3], "km"),
        "max_range_difference": (float(shown.largest_range_difference) / 1e3, "km"),
        "max_angular_velocity": (float(shown.largest_angular_rate), "deg/s"),
        "speed": (float(data.speed.mean()) / 1e3, "km/s"),
    }
    seconds = data.isel(time=data.session_number.values == data.attrs["showcase"])
    if "contrast_uncompensated" in data:
        lost, kept = seconds.contrast_uncompensated, seconds.contrast_compensated
        result["polarization_contrast_uncompensated"] = ([float(lost.min()), float(lost.max())], "ratio to 1")
        result["polarization_contrast_compensated"] = (float(kept.mean()), "ratio to 1")
    for station in data.station.values:
        turned = seconds.frame_rotation.sel(station=station)
        result[f"frame_rotation_{station}"] = (float(turned.max() - turned.min()), "degree")
        seen = shown.sel(station=station)
        result[f"range_{station}"] = ([float(seen.shortest_range) / 1e3, float(seen.longest_range) / 1e3], "km")
    if "phase_start" in data:
        result |= phase_durations(shown.phase_start.values)
    if np.isfinite(data.baseline):
        result["baseline"] = (float(data.baseline) / 1e3, "km")
    if "relay_delay" in data:
        result["relay_delay"] = (float(data.relay_delay) / 3600, "h")
        result["relay_baseline"] = (float(data.relay_baseline) / 1e3, "km")
    if "survey_range" in data:
        result["survey_shortest_range"] = (
            [float(data.survey_range.min()) / 1e3, float(data.survey_range.max()) / 1e3],
            "km",
        )
    return result


def phase_durations(starts_s: np.ndarray) -> dict[str, tuple[float, str]]:
    """Return how long stations acquire the satellite, and how long all of them have the link, as `observables` does.

    Parameters
    ----------
    starts_s : ndarray, shape (station, phase)
        Begin of each phase of `satqkd.orbit.timeline.PHASES` [s].

    Examples
    --------
    >>> phase_durations(np.array([[0.0, 30.0, 45.0, 72.0, 200.0]]))
    {'acquisition_time': (15.0, 's'), 'communication_time': (128.0, 's')}
    """
    acquired_s = starts_s[:, PHASES.index("link")] - starts_s[:, PHASES.index("acquisition")]
    open_s = starts_s[:, -1].min() - starts_s[:, COMMUNICATION].max()
    return {"acquisition_time": (float(acquired_s.max()), "s"), "communication_time": (max(float(open_s), 0.0), "s")}


def _hours(time: np.datetime64) -> float:
    return float((time - time.astype("datetime64[D]")) / np.timedelta64(1, "h"))
