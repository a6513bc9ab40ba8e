"""Stage 3: what clicks? Time tags of every station, as a laboratory records them."""

from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from tqdm import tqdm

from satqkd.dataset import SESSION_PULSES, finished, label, record_key, stream, variable
from satqkd.detection.arrivals import background, decoy_light, entangled_light, settings_at
from satqkd.detection.detector import PS, alive, local_time_ps, sort_nearly_sorted
from satqkd.detection.rates import fading
from satqkd.detection.recordings import TagWriter
from satqkd.flight import arrival_times
from satqkd.scenario import Scenario

BLOCK_S = 10
# A jitter of nanoseconds may carry a tag over the end of a block: those this near to it wait for the next one.
MARGIN_PS = 1_000_000
FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))


def simulate(
    scenario: Scenario,
    orbit: xr.Dataset,
    channel: xr.Dataset,
    *,
    path: str | Path,
    seed: int,
    run: int,
    progress: bool = False,
) -> xr.Dataset:
    """Record a pass, or as many as the orbit holds, to a Zarr store.

    Parameters
    ----------
    scenario : Scenario
    orbit, channel : xarray.Dataset
        Results of stages 1 and 2.
    path : str or Path
        The ``detection.zarr`` to write; it takes this name when it is whole.
    seed, run : int
        The configuration's seed and the replicate.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    xarray.Dataset
        The truth: clock errors, and by second the mean fading and the photons that reached a detector. No later stage
        but validation may read it.
    """
    blocks = list(_blocks(orbit))
    photons = np.zeros((orbit.sizes["time"], len(scenario.stations)), np.int64)
    mean_fading = np.full(photons.shape, np.nan)
    with finished(path) as draft:
        store = zarr.open_group(draft, mode="w", zarr_format=3)
        store.attrs.update(label(xr.Dataset(), "detection", scenario, seed).attrs | {"run": run})
        if scenario.source.kind == "decoy":
            store.create_group("transmitter").attrs["log_key"] = f"{record_key(seed, scenario.name, run, 'log'):016x}"
        stations = [
            _Receiver(scenario, index, store, orbit, seed=seed, run=run) for index in range(len(scenario.stations))
        ]
        for block in tqdm(blocks, desc=f"{scenario.name} {run}", disable=not progress, unit="block"):
            rng = stream(seed, scenario.name, run, "detection", block["session"], block["first"])
            power = [station.transmittance(channel, block, rng) for station in stations]
            lights = _light(scenario, block, power, stations, seed=seed, run=run, rng=rng)
            for index, (station, light) in enumerate(zip(stations, lights, strict=True)):
                station.record(light, block, rng)
                seconds = slice(block["first"], block["last"])
                photons[seconds, index] = np.histogram(light.emission_s, station.node_s(block))[0]
                mean_fading[seconds, index] = power[index][1].reshape(block["last"] - block["first"], -1).mean(axis=1)
        for station in stations:
            station.close()
    monitor_tap = getattr(scenario.source, "monitor_tap", None)
    truth = xr.Dataset(
        {
            "photons": variable(("time", "station"), photons, "1", "photons detected in the second, before dead time"),
            "fading": variable(("time", "station"), mean_fading, "1", "mean fading factor of the second"),
            "clock_offset": variable("station", [s.clock_offset_s for s in scenario.stations], "s", "local minus GPS"),
            "clock_drift": variable("station", [s.clock_drift for s in scenario.stations], "1", "frequency error"),
        },
        coords={"time": orbit.time, "station": orbit.station},
        attrs={"run": run}
        | ({} if monitor_tap is None else {"monitor_coincidence_rate": scenario.source.pair_rate_hz * monitor_tap**2}),
    )
    return label(truth, "truth", scenario, seed)


def observables(truth: xr.Dataset) -> dict[str, tuple[float, str]]:
    """What the source says that a publication can be held against: name to (value, unit)."""
    if "monitor_coincidence_rate" not in truth.attrs:
        return {}
    return {"monitor_coincidence_rate": (float(truth.attrs["monitor_coincidence_rate"]), "1/s")}


def _blocks(orbit: xr.Dataset):
    """Stretches of at most ten seconds of open link, each within one session and one measurement."""
    session, measurement = orbit.pass_number.values, orbit.measurement.values
    start = 0
    while start < measurement.size:
        if measurement[start] < 0:
            start += 1
            continue
        end = start
        while end < start + BLOCK_S and measurement[end] == measurement[start] and session[end] == session[start]:
            end += 1
        nodes = np.flatnonzero(session == session[start])
        yield {
            "session": int(session[start]),
            "measurement": int(measurement[start]),
            "first": start,
            "last": end,
            "nodes": slice(nodes[0], nodes[-1] + 1),
        }
        start = end


def _light(scenario, block, power, stations, *, seed, run, rng):
    edges = stations[0].cell_edges(block)
    measurement = scenario.measurements[block["measurement"]]
    efficiencies = np.array([[d.efficiency for d in station.section.detectors] for station in stations])
    if scenario.source.kind == "decoy":
        return [
            decoy_light(
                source=scenario.source,
                measurement=measurement,
                efficiencies=efficiencies[0],
                edges_s=edges,
                transmittance=power[0][0],
                first_pulse=block["session"] * SESSION_PULSES,
                log_key=record_key(seed, scenario.name, run, "log"),
                rng=rng,
            )
        ]
    return entangled_light(
        source=scenario.source,
        detection=scenario.detection,
        measurement=measurement,
        efficiencies=efficiencies,
        edges_s=edges,
        transmittances=np.array([total for total, _ in power]),
        flights=[station.flight(block) for station in stations],
        switch_keys=[station.switch_key(block["session"]) for station in stations],
        rng=rng,
    )


class _Receiver:
    """One station while it records: its writers, and the tags that wait for the next block."""

    def __init__(self, scenario: Scenario, index: int, store: zarr.Group, orbit: xr.Dataset, *, seed: int, run: int):
        self.scenario, self.index, self.orbit = scenario, index, orbit
        self.section = scenario.stations[index]
        self.active = scenario.detection.basis_choice == "active"
        self._record_names = (seed, scenario.name, run, "settings", self.section.name)
        width_ps = getattr(scenario.source, "pulse_width_ps", 0.0) / FWHM_PER_SIGMA
        self.jitter_ps = np.hypot(scenario.detection.timing_jitter_ps, width_ps)
        self._groups = {
            kind: store.create_group(f"{self.section.name}/{kind}") for kind in ("photons", "beacon", "gps")
        }
        self._writers = {
            kind: TagWriter(group, {"time": "int64"} | ({"detector": "uint8"} if kind == "photons" else {}))
            for kind, group in self._groups.items()
        }
        self._first = {kind: [] for kind in self._groups}
        self._written = dict.fromkeys(self._groups, 0)
        self._session = None
        self._waiting = (np.empty(0, np.int64), np.empty(0, np.uint8))

    def switch_key(self, session: int) -> int | None:
        """Key of the record of random settings in a session; None for a passive analyser."""
        return record_key(*self._record_names, session) if self.active else None

    def node_s(self, block) -> np.ndarray:
        """Edges of the block's seconds since the start of its session [s]."""
        return np.arange(block["first"], block["last"] + 1) - float(block["nodes"].start)

    def cell_edges(self, block) -> np.ndarray:
        cells = int(np.ceil(1e3 / self.scenario.channel.fading_coherence_ms))
        seconds = self.node_s(block)
        return np.linspace(seconds[0], seconds[-1], (seconds.size - 1) * cells + 1)

    def flight(self, block):
        nodes = block["nodes"]
        node_s = np.arange(nodes.stop - nodes.start, dtype=float)
        range_m = self.orbit.range.values[nodes, self.index].astype(float)
        rate = self.orbit.range_rate.values[nodes, self.index].astype(float)
        return lambda emission_s: arrival_times(emission_s, node_s=node_s, range_m=range_m, range_rate_m_s=rate)

    def transmittance(self, channel: xr.Dataset, block, rng) -> tuple[np.ndarray, np.ndarray]:
        """Transmittance in each coherence cell, and the fading that is in it."""
        edges = self.cell_edges(block)
        nodes = block["nodes"]
        at = (edges[:-1] + edges[1:]) / 2
        node_s = np.arange(nodes.stop - nodes.start)
        mean = np.interp(at, node_s, channel.transmittance.values[nodes, self.index])
        factor = fading(np.interp(at, node_s, channel.fading_variance.values[nodes, self.index]), rng)
        return mean * factor, factor

    def record(self, light, block, rng) -> None:
        if block["session"] != self._session:
            self._begin_session(block)
        seconds, flight = self.node_s(block), self.flight(block)
        start_s, end_s = flight(seconds[[0, -1]])
        times, channels = self._clicks(light, flight, start_s, end_s, rng)
        horizon = self._local(np.array([end_s]))[0] - MARGIN_PS
        times = np.concatenate([self._waiting[0], times])
        channels = np.concatenate([self._waiting[1], channels])
        sort_nearly_sorted(times, channels)
        ready = np.searchsorted(times, horizon)
        self._waiting = (times[ready:], channels[ready:])
        self._write_photons(times[:ready], channels[:ready])
        self._record_beacon(seconds, flight, rng)
        whole = seconds[:-1]  # sessions begin on a whole second of UTC
        gps = self._local(whole) + np.rint(rng.normal(0, self.scenario.beacon.gps_jitter_ns * 1e3, whole.size))
        self._append("gps", time=gps.astype(np.int64))

    def _clicks(self, light, flight, start_s, end_s, rng):
        detectors = self.section.detectors[: 2 if self.active else 4]
        rates = np.array([self.section.background_rate_hz + d.dark_rate_hz for d in detectors])
        dark_s, dark_channel = background(rates_hz=rates, start_s=start_s, end_s=end_s, rng=rng)
        if self.active:
            dark_channel = dark_channel + 2 * settings_at(
                dark_s, switch_rate_hz=self.scenario.detection.switch_rate_hz, key=self.switch_key(self._session)
            )
        arrival = np.concatenate([flight(light.emission_s), dark_s])
        channel = np.concatenate([light.channel, dark_channel]).astype(np.uint8)
        order = np.argsort(arrival, kind="stable")
        arrival = arrival[order] + rng.normal(0, self.jitter_ps / PS, order.size)
        return self._local(arrival), channel[order]

    def _write_photons(self, times, channels) -> None:
        physical = channels & 1 if self.active else channels
        kept = alive(times, physical, int(self.scenario.detection.dead_time_ns * 1e3), self._last_click)
        self._append("photons", time=times[kept], detector=channels[kept])

    def _record_beacon(self, seconds, flight, rng) -> None:
        beacon = self.scenario.beacon
        rate = beacon.pulse_rate_hz / beacon.recorded_one_in
        numbers = np.arange(np.ceil(seconds[0] * rate), np.ceil(seconds[-1] * rate))
        arrival = flight(numbers / rate) + rng.normal(0, beacon.jitter_ps / PS, numbers.size)
        self._append("beacon", time=self._local(arrival))

    def _local(self, session_s: np.ndarray) -> np.ndarray:
        """Local clock [ps since the first session's start] at times since this session's start [s]."""
        return self._start_ps + local_time_ps(
            session_s, offset_s=self.section.clock_offset_s, drift=self.section.clock_drift
        )

    def _begin_session(self, block) -> None:
        self._flush()
        self._session = block["session"]
        times = self.orbit.time.values
        self._start_ps = int((times[block["nodes"].start] - times[0]) / np.timedelta64(1, "ns")) * 1000
        self._last_click = np.full(4, np.iinfo(np.int64).min // 2)
        for kind in self._groups:
            self._first[kind].append(self._written[kind])

    def _append(self, kind: str, **values) -> None:
        self._writers[kind].append(**values)
        self._written[kind] += values["time"].size

    def _flush(self) -> None:
        if self._waiting[0].size:
            times, channels = self._waiting
            self._waiting = (times[:0], channels[:0])
            self._write_photons(times, channels)

    def close(self) -> None:
        self._flush()
        for kind, group in self._groups.items():
            self._writers[kind].close()
            group.attrs["session_first_tag"] = [*self._first[kind], self._written[kind]]
