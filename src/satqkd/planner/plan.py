"""Forecast the coming days for given satellites and stations: every pass, and its expected yield."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from satqkd.analytic.forecast import Counts, expected_counts, no_key, pooled_secret_bits, secret_bits
from satqkd.analytic.uncertainty import KeyInterval, pass_intervals
from satqkd.orbit import Elements
from satqkd.orbit.elements import nearest
from satqkd.orbit.passes import pass_times
from satqkd.orbit.propagation import Trajectory, trajectory
from satqkd.planner.nights import one_a_night
from satqkd.planner.planfile import DAY, Plan, PlanStation
from satqkd.planner.sky import seen_sky, sky_columns, twilight_of, with_sky
from satqkd.planner.windows import Sun, View, closing, joint_times_s, longest_windows, may_be_dark, usable, view
from satqkd.scenario import Scenario, ScenarioError

NODES, MOST_NODES = 16, 64  # quadrature nodes in a window: 16 give the counts of a low orbit to 3e-6
NODE_SPACING_S = 20.0
SHORTEST_S = 1.0
REASON_NODES = 21  # moments of a pass at which its conditions are checked
EDGES = ("rise", "culmination", "set")
YIELDS = {"sifted_bits": 1, "qber": 5, "secret_bits": 1}  # column to digits behind the point
RECEIVER_KEYS = ("aperture_m", "obscuration_m", "receiver_efficiency", "zenith_extinction_db", "background_rate_hz")


@dataclass(frozen=True)
class Forecast:
    """A computed plan.

    Attributes
    ----------
    plan : Plan
    passes : pandas.DataFrame
        One row for each pass of each link in order of time; docs/planner.md lists the columns.
    links : pandas.DataFrame
        One row for each satellite with its station, or pair of stations.
    shares : pandas.DataFrame
        Share of each unknown in the variance of the key, by link.
    trajectories : dict of str to Trajectory
        By satellite.
    """

    plan: Plan
    passes: pd.DataFrame
    links: pd.DataFrame
    shares: pd.DataFrame
    trajectories: dict[str, Trajectory]


def placed(scenario: Scenario, stations: tuple[PlanStation, ...]) -> Scenario:
    """Return the scenario with receivers at other places: each takes the scenario's receiver of the same name, else the
    first.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.planner import load_plan
    >>> plan = load_plan("example", days=1)
    >>> [station.name for station in placed(load_scenario("liao2017"), plan.stations[:1]).stations]
    ['xinglong']
    """
    receivers = {station.name: station for station in scenario.stations}
    there = []
    for station in stations:
        values = {key: getattr(station, key) for key in ("name", "latitude_deg", "longitude_deg", "altitude_m")}
        values |= {key: value for key in RECEIVER_KEYS if (value := getattr(station, key)) is not None}
        there.append(receivers.get(station.name, scenario.stations[0]).model_copy(update=values))
    # A station of the plan may be the scenario's relay, so the section is dropped.
    return scenario.model_copy(update={"stations": tuple(there), "relay": None})


def make_plan(plan: Plan, *, progress: bool = False) -> Forecast:
    """Find every pass of a plan and compute its expected yield.

    Parameters
    ----------
    plan : Plan
        From `load_plan`.
    progress : bool
        Show a progress bar over the links.

    Raises
    ------
    ScenarioError
        If SGP4 cannot compute a position, as after decay.

    Examples
    --------
    >>> from satqkd.planner import load_plan
    >>> forecast = make_plan(load_plan("example", days=1))
    >>> forecast.links[["satellite", "stations", "passes", "usable_passes"]].iloc[0].to_dict()
    {'satellite': 'micius', 'stations': 'xinglong', 'passes': 2, 'usable_passes': 1}
    """
    sun, fleet = Sun.during(plan.start_utc, plan.end_utc), plan.fleet()
    trajectories, tables, links, shares = {}, [], [], []
    total = sum(len(plan.links(scenario)) for _, _, scenario in fleet)
    with tqdm(total=total, desc="links", disable=not progress, mininterval=1.0) as bar:
        for satellite, elements, scenario in fleet:
            path = trajectories[satellite.name] = _trajectory(plan, satellite.name, elements)
            single = {station.name: pass_times(path, station, plan.min_elevation_deg) for station in plan.stations}
            for stations in plan.links(scenario):
                times = joint_times_s(path, stations, [single[station.name] for station in stations])
                times = one_a_night(path, stations, sun, times, scenario.orbit.max_sun_elevation_deg)
                link = _Link(satellite.name, elements, stations, placed(scenario, stations), path, sun)
                table, summary, parts = link.forecast(times)
                shares += parts
                tables.append(table)
                links.append(summary)
                bar.update()
    order = ["rise_utc", "satellite", "stations"]
    passes = pd.concat(tables, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)
    return Forecast(
        plan,
        passes,
        pd.DataFrame(links),
        pd.DataFrame(shares, columns=["satellite", "stations", "unknown", "share"]),
        trajectories,
    )


def _trajectory(plan: Plan, name: str, elements: Elements) -> Trajectory:
    try:
        return trajectory(elements, plan.start_utc, plan.end_utc, max_age_days=plan.max_age_days + 1)
    except ValueError as error:
        raise ScenarioError(f"{plan.path}: satellite {name}: {error}") from None


@dataclass(frozen=True)
class _Link:
    """A satellite and the station, or pair of stations, that it serves. Times are seconds after the trajectory's
    start.
    """

    satellite: str
    elements: Elements
    stations: tuple[PlanStation, ...]
    scenario: Scenario
    path: Trajectory
    sun: Sun

    @property
    def names(self) -> dict[str, str]:
        return {"satellite": self.satellite, "stations": "+".join(station.name for station in self.stations)}

    @property
    def clear_probability(self) -> float:
        return float(np.prod([1 - station.cloud_probability for station in self.stations]))

    @property
    def has_sky(self) -> bool:
        return any(station.sky for station in self.scenario.stations)

    def view(self, seconds: np.ndarray) -> View:
        return view(self.path, self.stations, self.sun, seconds)

    def forecast(self, times: np.ndarray) -> tuple[pd.DataFrame, dict, list[dict]]:
        """Return a row for each pass, from rise, culmination and set, shape (pass, 3), the sums of the link, and what
        makes its key uncertain.
        """
        highest = self.view(times[:, 1])
        windows = self.windows(times, highest)
        is_open = windows[:, 1] > windows[:, 0]
        nodes = self.nodes(windows[is_open]) if is_open.any() else None
        seen = self.seen(windows[is_open]) if self.has_sky and nodes else None
        counts, interval = self.expected(nodes, seen) if nodes else (None, None)
        reasons = self.reasons(times, windows, counts)
        table = pd.concat(
            [
                self.geometry(times, highest),
                self.opening(windows),
                self.sky(windows, seen),
                self.yields(is_open, counts, interval),
                reasons,
            ],
            axis="columns",
        )
        shares = interval.shares() if interval is not None else {}
        rows = [self.names | {"unknown": name, "share": round(share, 3)} for name, share in shares.items()]
        return table, self.summary(table, counts), rows

    def windows(self, times: np.ndarray, highest: View) -> np.ndarray:
        """Return when the conditions are fulfilled, shape (pass, 2); begin equals end where that is too short."""
        conditions, edges = self.scenario.orbit, times[:, ::2]
        windows = np.repeat(edges[:, :1], 2, axis=1)
        dark = may_be_dark(highest, edges[:, 1] - edges[:, 0], conditions.max_sun_elevation_deg)
        windows[dark] = longest_windows(lambda seconds: usable(self.view(seconds), conditions), edges[dark])
        if conditions.max_duration_s is not None:
            windows[:, 1] = np.minimum(windows[:, 1], windows[:, 0] + conditions.max_duration_s)
        short = windows[:, 1] - windows[:, 0] < max(conditions.min_duration_s, SHORTEST_S)
        windows[short, 1] = windows[short, 0]
        return windows

    def seen(self, windows: np.ndarray) -> xr.Dataset:
        """Return what stations see of the sky at the nodes of open windows."""
        return seen_sky(self.path, self.stations, _nodes(windows)[0].ravel())

    def expected(self, nodes: dict[str, np.ndarray], seen: xr.Dataset | None) -> tuple[Counts, KeyInterval]:
        """Return the expected counts of each window, and the interval of its key."""
        if seen is None:
            return expected_counts(self.scenario, **nodes), pass_intervals(self.scenario, **nodes)
        return with_sky(self.scenario, seen, **nodes)

    def sky(self, windows: np.ndarray, seen: xr.Dataset | None) -> pd.DataFrame:
        """Return the light of the sky over each window; no column without a model of it."""
        table = pd.DataFrame(index=range(len(windows)))
        if seen is not None:
            is_open = windows[:, 1] > windows[:, 0]
            columns = sky_columns(self.scenario, seen, _nodes(windows[is_open])[1]).set_axis(np.flatnonzero(is_open))
            table = table.join(columns)
            table["bright_sky"] = table.bright_sky.fillna("")
        return table

    def nodes(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        """Return range, elevation and weights at the nodes of a Gauss-Legendre quadrature over each window."""
        seconds, weights_s = _nodes(windows)
        seen, shape = self.view(seconds.ravel()), (*seconds.shape, len(self.stations))
        return {
            "range_m": seen.range_m.reshape(shape),
            "elevation_deg": seen.elevation_deg.reshape(shape),
            "weights_s": weights_s,
        }

    def geometry(self, times: np.ndarray, highest: View) -> pd.DataFrame:
        night = (highest.sun_elevation_deg <= self.scenario.orbit.max_sun_elevation_deg).all(axis=1)
        moments = _moments(self.path, times[:, 1])
        age_days = np.abs(moments - self.elements.epochs[nearest(self.elements, moments)]) / DAY
        return pd.DataFrame(
            self.names
            | {f"{name}_utc": _utc(self.path, column) for name, column in zip(EDGES, times.T, strict=True)}
            | {
                "max_elevation_deg": np.round(highest.elevation_deg.min(axis=1), 2),
                "range_km": np.round(highest.range_m.sum(axis=1) / 1e3, 1),
                "element_age_days": np.round(age_days, 1),
                "night": night,
                "satellite_sunlit": highest.sunlit,
            }
        )

    def opening(self, windows: np.ndarray) -> pd.DataFrame:
        duration_s = windows[:, 1] - windows[:, 0]
        start, end = (np.where(duration_s > 0, _utc(self.path, column), "") for column in windows.T)
        return pd.DataFrame(
            {
                "window_start_utc": start,
                "window_end_utc": end,
                "window_s": np.round(duration_s, 1),
                "twilight": self.twilight(windows),
                "clear_probability": self.clear_probability,
            }
        )

    def twilight(self, windows: np.ndarray) -> np.ndarray:
        """Return the brightest twilight in each open window, at the station where the Sun is highest; else empty."""
        found = np.full(len(windows), "", dtype=object)
        is_open = windows[:, 1] > windows[:, 0]
        moments = np.linspace(windows[is_open, 0], windows[is_open, 1], 3, axis=1)
        sun_deg = self.view(moments.ravel()).sun_elevation_deg.reshape(-1, 3 * len(self.stations))
        found[is_open] = twilight_of(sun_deg.max(axis=1))
        return found

    def yields(self, is_open: np.ndarray, counts: Counts | None, interval: KeyInterval | None) -> pd.DataFrame:
        """Return the yields under a clear sky with the key's interval, and the expected secret bits with the clouds."""
        columns = np.zeros((6, is_open.size))
        columns[2:4] = np.nan  # there is no error rate without a bit
        if counts is not None:
            columns[:, is_open] = [*counts.sifted(), *counts.qber(), *secret_bits(self.scenario, counts)]
        table: dict[str, np.ndarray] = {}
        p = self.clear_probability
        for (name, digits), mean, sigma in zip(YIELDS.items(), columns[::2], columns[1::2], strict=True):
            table |= {name: np.round(mean, digits), f"{name}_sigma": np.round(sigma, digits)}
        *_, mean, sigma = columns
        for name in ("low", "high"):
            end = np.zeros(is_open.size)
            end[is_open] = getattr(interval, name) if interval is not None else 0.0
            table[f"secret_bits_{name}"] = np.round(end, YIELDS["secret_bits"])
        return pd.DataFrame(
            table
            | {
                "expected_secret_bits": np.round(p * mean, 1),
                "expected_secret_bits_sigma": np.round(np.sqrt(p * sigma**2 + p * (1 - p) * mean**2), 1),
            }
        )

    def reasons(self, times: np.ndarray, windows: np.ndarray, counts: Counts | None) -> pd.Series:
        """Return why a pass gives no key: what keeps its window closed, or else a reason of
        `satqkd.key.proofs.reasons`.
        """
        is_open = windows[:, 1] > windows[:, 0]
        reasons = np.full(is_open.size, "", dtype=object)
        for place in np.flatnonzero(~is_open):
            rise, _, end = times[place]
            seen = self.view(np.linspace(rise, end, REASON_NODES))
            reasons[place] = closing(seen, self.scenario.orbit)
        if counts is not None:
            reasons[is_open] = no_key(self.scenario, counts)
        return pd.Series(reasons, name="no_key", dtype=str)

    def summary(self, table: pd.DataFrame, counts: Counts | None) -> dict:
        p = self.clear_probability
        pooled, pooled_sigma = pooled_secret_bits(self.scenario, counts, p) if counts is not None else (0.0, 0.0)
        return self.names | {
            "passes": len(table),
            "usable_passes": int((table.window_s > 0).sum()),
            "window_s": round(float(table.window_s.sum()), 1),
            "clear_probability": p,
            "secret_bits": round(float(table.expected_secret_bits.sum()), 1),
            "secret_bits_sigma": round(float(np.sqrt((table.expected_secret_bits_sigma**2).sum())), 1),
            "pooled_secret_bits": round(pooled, 1),
            "pooled_secret_bits_sigma": round(pooled_sigma, 1),
            "no_key": self.pooled_reason(len(table), counts),
        }

    def pooled_reason(self, passes: int, counts: Counts | None) -> str:
        """Return why all clear passes together give no key; empty where they give some."""
        p = self.clear_probability
        if counts is None:
            return "no window" if passes else "no pass"
        if p == 0.0:
            return "clouds for sure"
        mean, photons, duration_s = (
            p * part.sum(axis=0, keepdims=True) for part in (counts.mean, counts.photons, counts.duration_s)
        )
        return no_key(self.scenario, Counts(mean, photons, np.zeros(1), duration_s))[0]


def _nodes(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times and weights [s] of a Gauss-Legendre quadrature over each window, shape (pass, node)."""
    duration_s = windows[:, 1] - windows[:, 0]
    count = int(np.clip(np.ceil(duration_s.max() / NODE_SPACING_S), NODES, MOST_NODES))
    node, weight = np.polynomial.legendre.leggauss(count)
    return windows[:, :1] + duration_s[:, None] * (1 + node) / 2, duration_s[:, None] * weight / 2


def _moments(path: Trajectory, seconds: np.ndarray) -> np.ndarray:
    return path.start + np.rint(1e9 * seconds).astype("timedelta64[ns]")


def _utc(path: Trajectory, seconds: np.ndarray) -> np.ndarray:
    """Return times to the nearest second as text."""
    nearest_second = (_moments(path, seconds) + np.timedelta64(500, "ms")).astype("datetime64[s]")
    return np.char.add(np.datetime_as_string(nearest_second, unit="s"), "Z")
