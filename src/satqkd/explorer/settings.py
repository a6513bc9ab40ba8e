"""The settings of the explorer, and their effect on the scenario and on its key."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from satqkd.analytic.forecast import counts_through, key_length
from satqkd.analytic.means import with_means
from satqkd.analytic.prospect import middle_seconds
from satqkd.channel import link_budget
from satqkd.scenario import Scenario, ScenarioError
from satqkd.scenario.mission import DecoySource

CUT = "elevation cut"
HIGHEST_CUT_DEG = 80.0
# Seconds of open link that each point of a curve is computed from: the key is within half a per cent of all seconds'.
NODES = 50
# Points of a curve: a link budget for each point costs five times as much as counts through the same one.
POINTS_OF_LINKS, POINTS_OF_COUNTS = 7, 19
DIGITS = 4  # to which a changed value is rounded
ROOM = 1e-3  # a rounded value stays within the limit that the other settings make


@dataclass(frozen=True)
class Setting:
    """A quantity that a slider sets.

    Attributes
    ----------
    label, unit : str
        Texts on the slider.
    sections : tuple of str
        Sections of the scenario in which it is set, in order.
    keys : tuple of str
        Keys that it sets there. The first one that the scenario has gives its value.
    span : float
        The range is the scenario's value divided and multiplied by this.
    top : float
        Where the scenario's value is zero, the range is from zero to this.
    moves_link : bool
        Whether the link budget depends on it.
    """

    label: str
    unit: str
    sections: tuple[str, ...]
    keys: tuple[str, ...]
    span: float
    top: float = 0.0
    moves_link: bool = False


SETTINGS = (
    Setting("aperture", "m", ("stations",), ("aperture_m", "obscuration_m"), 4, moves_link=True),
    Setting("divergence", "µrad", ("transmitter",), ("divergence_full_angle_urad",), 4, moves_link=True),
    Setting("pointing jitter", "µrad", ("transmitter",), ("pointing_jitter_urad",), 10, 10, moves_link=True),
    Setting("arm loss", "dB", ("stations",), ("loss_db",), 4, 40, moves_link=True),
    Setting("source rate", "1/s", ("source",), ("pair_rate_hz", "pulse_rate_hz"), 1000),
    Setting("pump power", "mW", ("source",), ("pump_mw",), 100),
    Setting("background", "1/s", ("stations",), ("background_rate_hz",), 100, 1e4),
    Setting("window", "ns", ("coincidence",), ("window_ns",), 10),
)


def settings_of(scenario: Scenario) -> tuple[Setting, ...]:
    """Return the settings that a scenario has: not the divergence of a beam that follows from its aperture, and of a
    bench losses in place of telescopes and a beam.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> [setting.label for setting in settings_of(load_scenario("bench_example"))]
    ['arm loss', 'pump power', 'background', 'window']
    """
    return tuple(setting for setting in SETTINGS if _places(scenario, setting))


def ends(scenario: Scenario, setting: Setting) -> tuple[float, float]:
    """Return the lowest and the highest value of a setting.

    No beam is narrower than its telescope allows, and no window is longer than the time between pulses.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> [round(end, 2) for end in ends(load_scenario("yin2020"), SETTINGS[1])]
    [8.48, 40.0]
    """
    own = beginning(scenario, setting)
    if not own:
        return 0.0, setting.top
    least = 1 / setting.span
    if setting.label == "divergence":
        transmitter = scenario.transmitter
        least = max(least, (1 + ROOM) * transmitter.narrowest_divergence_rad / float(transmitter.divergence_rad.min()))
    most = setting.span
    if setting.label in ("source rate", "window") and isinstance(scenario.source, DecoySource):
        most = min(most, (1 - ROOM) * 1e9 / (scenario.source.pulse_rate_hz * scenario.coincidence.window_ns))
    return own * min(least, 1.0), own * max(most, 1.0)


def beginning(scenario: Scenario, setting: Setting) -> float:
    """Return the scenario's own value of a setting: the first station's, the first axis of the beam.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> beginning(load_scenario("yin2020"), SETTINGS[0])
    1.2
    """
    return float(np.ravel(_places(scenario, setting)[0][1])[0])


def changes(scenario: Scenario, values: Mapping[str, float]) -> dict[str, float | tuple[float, ...]]:
    """Return the changes that settings make in a scenario: dotted key to new value.

    A slider shows the value of the first station. All stations change by the same factor, an obscuration with its
    aperture, and both axes of a beam together. Values are rounded to four digits, so that they are legible in a file.

    Parameters
    ----------
    scenario : Scenario
    values : dict
        By the label of a setting. A missing one, or the scenario's own value, changes nothing.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> changes(load_scenario("yin2020"), {"window": 1.0})
    {'coincidence.window_ns': 1.0}
    """
    changed: dict[str, float | tuple[float, ...]] = {}
    for setting in settings_of(scenario):
        first = beginning(scenario, setting)
        new = values.get(setting.label, first)
        if new == first:
            continue
        for key, value in _places(scenario, setting):
            scaled = np.asarray(value) * (new / first) if first else np.full(np.shape(value), new)
            rounded = [float(f"{number:.{DIGITS}g}") for number in np.ravel(scaled)]
            if np.any(np.ravel(value) != rounded):
                changed[key] = tuple(rounded) if np.ndim(value) else rounded[0]
    return changed


def with_settings(scenario: Scenario, values: Mapping[str, float]) -> Scenario:
    """Return the scenario with other hardware: `values` by the label of a setting, as in `changes`.

    Raises
    ------
    ScenarioError
        Where a scenario cannot have such a value.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> wider = with_settings(load_scenario("data/scenarios/yin2020.yaml"), {"aperture": 1.8})
    >>> [station.aperture_m for station in wider.stations]
    [1.8, 1.8]
    """
    return scenario.replaced(changes(scenario, values))


@dataclass(frozen=True)
class KeyCurve:
    """The secret key against one setting, with all others fixed.

    Attributes
    ----------
    label, unit : str
        Label and unit of the setting.
    value : ndarray, shape (point,)
        Values of the setting.
    key : ndarray, shape (point,)
        Secret bits of all sessions together; NaN where a scenario cannot have the value.
    own : float
        The scenario's own value of the setting.
    """

    label: str
    unit: str
    value: np.ndarray
    key: np.ndarray
    own: float


def key_curve(scenario: Scenario, orbit: xr.Dataset, values: Mapping[str, float], label: str) -> KeyCurve:
    """Return the secret key over the whole range of one setting, with all others fixed.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.
    values : dict
        Values of all settings by their label, including `CUT` [degree].
    label : str
        Label of the setting that is varied.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> scenario = load_scenario("liao2017")
    >>> curve = key_curve(scenario, find_sessions(scenario), {CUT: 0.0}, "background")
    >>> bool(curve.key[0] > curve.key[-1])
    True
    """
    scenario = with_means(scenario, orbit)
    seconds, step_s = middle_seconds(orbit, NODES)
    lowest_deg = seconds.elevation.values.min(axis=1)
    setting = next((one for one in SETTINGS if one.label == label), None)
    at = positions(scenario, label)
    keys, link, there, means, durations_s = np.full(at.size, np.nan), None, [], [], []
    for i, position in enumerate(at):
        here = {**values, label: float(position)}
        try:
            one = with_settings(scenario, here)
        except ScenarioError:
            continue
        if link is None or (setting and setting.moves_link):
            link = link_budget(one, seconds)
        counts = counts_through(one, link, step_s * (lowest_deg >= here.get(CUT, 0.0))[None, :])
        there.append(i)
        means.append(counts.mean[0])
        # Proofs use the number of pulses. A higher pulse rate is therefore passed on as proportionally more seconds.
        durations_s.append(counts.duration_s[0] * _pulse_rate(one) / _pulse_rate(scenario))
    if there:
        keys[there] = key_length(scenario)(np.array(means), np.array(durations_s))
    unit, own = (setting.unit, beginning(scenario, setting)) if setting else ("°", 0.0)
    return KeyCurve(label, unit, at, keys, own)


def positions(scenario: Scenario, label: str) -> np.ndarray:
    """Return values of a setting over its range, including the scenario's own.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> positions(load_scenario("yin2020"), "aperture").round(2).tolist()
    [0.3, 0.48, 0.76, 1.2, 1.9, 3.02, 4.8]
    """
    if label == CUT:
        return np.linspace(0, HIGHEST_CUT_DEG, POINTS_OF_COUNTS)
    setting = next(one for one in SETTINGS if one.label == label)
    own, points = beginning(scenario, setting), POINTS_OF_LINKS if setting.moves_link else POINTS_OF_COUNTS
    low, high = ends(scenario, setting)
    if not own:
        return np.linspace(low, high, points)
    half = points // 2 + 1
    return np.unique([*np.geomspace(low, own, half), *np.geomspace(own, high, half)])


def _pulse_rate(scenario: Scenario) -> float:
    return scenario.source.pulse_rate_hz if isinstance(scenario.source, DecoySource) else 1.0


def _places(scenario: Scenario, setting: Setting) -> list[tuple[str, float | tuple[float, ...]]]:
    """Return the dotted keys of the scenario that a setting changes, with their values."""
    sections = {name: getattr(scenario, name) for name in setting.sections}
    if stations := sections.pop("stations", None):
        sections |= {f"stations.{i}": station for i, station in enumerate(stations)}
    return [
        (f"{name}.{key}", value)
        for key in setting.keys
        for name, section in sections.items()
        if key in getattr(type(section), "model_fields", {}) and (value := getattr(section, key)) is not None
    ]
