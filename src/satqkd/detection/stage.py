"""Stage 3: what clicks? Simulated time tags of every station, in the form in which laboratories record them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from tqdm import tqdm

from satqkd.attack import Eve
from satqkd.attack.eve import Station as Target
from satqkd.dataset import label, variable
from satqkd.detection.arrivals import Light, background, decoy_light, entangled_light, merged, settings_at
from satqkd.detection.detector import Detectors, Waiting, local_time_ps
from satqkd.detection.rates import PoissonProcess, correlated_fading, fading
from satqkd.detection.recordings import TagWriter
from satqkd.detection.sky import SkyRadiance, received_hz, sky_radiance
from satqkd.files import finished
from satqkd.flight import PS, arrival_times
from satqkd.scenario import Scenario
from satqkd.scenario.mission import DecoySource, EntangledSource
from satqkd.streams import SESSION_PULSES, record_key, stream, transmitter_log

# Approximate number of tags in memory: their arrays fit a processor's cache, and memory does not grow with the rate.
BLOCK_TAGS = 1 << 18
FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))
NEVER_PS = np.iinfo(np.int64).max


def simulate(
    scenario: Scenario,
    orbit: xr.Dataset,
    channel: xr.Dataset,
    *,
    path: str | Path,
    seed: int,
    run: int,
    block_s: float | None = None,
    threads: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    """Simulate the time tags of all sessions and write them to a Zarr store.

    Parameters
    ----------
    scenario : Scenario
    orbit, channel : xarray.Dataset
        Results of stages 1 and 2.
    path : str or Path
        The ``detection.zarr`` to write; it gets this name when it is complete.
    seed, run : int
        The configuration's seed and the replicate.
    block_s : float, optional
        Time to simulate at once, at least a coherence cell of the fading; by default as much as fits a processor's
        cache [s]. It changes no byte of the result.
    threads : int
        Stations to simulate in parallel. It changes no byte of the result.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    xarray.Dataset
        The truth: clock errors, for each second the mean fading and the number of photons that reached a detector, and
        under an attack what Eve knows. Of the later stages only validation and the laboratory may read it.

    Raises
    ------
    ValueError
        If block_s or threads are not above zero.

    Examples
    --------
    >>> import tempfile
    >>> from satqkd import channel, detection, load_scenario, orbit
    >>> scenario = load_scenario("tiangong2").replaced({"orbit.max_duration_s": 2})
    >>> sessions = orbit.find_sessions(scenario)
    >>> link = channel.link_budget(scenario, sessions)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     truth = detection.simulate(scenario, sessions, link, path=f"{folder}/detection.zarr", seed=1, run=1)
    ...     tags = detection.read_tags(f"{folder}/detection.zarr", "nanshan").load()
    >>> tags.time.dtype.name, tags.sizes["tag"] > 0
    ('int64', True)
    """
    if block_s is not None and not block_s > 0:
        raise ValueError(f"block_s={block_s} is not above 0: give seconds, or leave it out")
    if threads < 1:
        raise ValueError(f"threads={threads} is below 1: give the number of threads that may record")
    photons = np.zeros((orbit.sizes["time"], len(scenario.stations)), np.int64)
    mean_fading = np.full(photons.shape, np.nan)
    with finished(path) as draft:
        store = zarr.open_group(draft, mode="w", zarr_format=3)
        store.attrs.update(label(xr.Dataset(), "detection", scenario, seed).attrs | {"run": run})
        if isinstance(scenario.source, DecoySource):
            store.create_group("transmitter").attrs["log_key"] = f"{record_key(seed, scenario.name, run, 'log'):016x}"
        files = [_Files(store, station.name) for station in scenario.stations]
        known: list[tuple[np.ndarray, np.ndarray]] = []
        is_open = orbit.measurement.values >= 0
        name, seconds = f"{scenario.name} {run}", int(is_open.sum())
        bar = tqdm(total=seconds, desc=name, disable=not progress, unit="s", unit_scale=True)
        with bar, ThreadPoolExecutor(threads) as pool:
            for session in np.unique(orbit.session_number.values[is_open]):
                names = (seed, scenario.name, run, "detection", int(session))
                stations = [_Receiver(scenario, orbit, channel, index, names) for index in range(len(files))]
                emissions, rng = PoissonProcess(stream(*names, "emissions")), stream(*names, "source")
                for file in files:
                    file.begin_session()
                for measurement, cells in _blocks(scenario, stations, block_s):
                    lights = _lights(scenario, stations, measurement, cells, emissions, rng)
                    tags = pool.map(_Receiver.record, stations, lights, repeat(cells))
                    for index, (station, file, light) in enumerate(zip(stations, files, lights, strict=True)):
                        file.append(next(tags))
                        photons[station.nodes, index] += station.by_second(light)
                    bar.update((cells.stop - cells.start) / stations[0].cells_per_s)
                for index, (station, file) in enumerate(zip(stations, files, strict=True)):
                    file.append({"photons": station.clicks(NEVER_PS)})
                    mean_fading[station.nodes, index] = station.mean_fading()
                if (eve := stations[-1].eve) is not None:
                    times_s, belief = eve.record()
                    known.append((times_s + stations[-1].start_ps / PS, belief))
        for file in files:
            file.close()
    sky = sky_background(scenario, orbit)
    truth = xr.Dataset(
        {
            "photons": variable(("time", "station"), photons, "1", "photons detected in the second, before dead time"),
            "fading": variable(("time", "station"), mean_fading, "1", "mean fading factor of the second"),
            "clock_offset": variable("station", [s.clock_offset_s for s in scenario.stations], "s", "local minus GPS"),
            "clock_drift": variable("station", [s.clock_drift for s in scenario.stations], "1", "frequency error"),
        },
        coords={"time": orbit.time, "station": orbit.station},
        attrs={"run": run} | _monitored(scenario),
    )
    if eve is not None:
        times_s, belief = (np.concatenate(columns) for columns in zip(*known, strict=True))
        truth["eve_time"] = variable("touched", times_s, "s", "emission since the first session's start")
        truth["eve_belief"] = variable(
            ("touched", "setting"), belief.astype(np.float32), "1", "her probability that the outcome in a setting is 1"
        )
        truth.attrs["eve_knows"] = eve.knows
    if sky is not None:
        truth["sky"] = sky
    return label(truth, "truth", scenario, seed)


def sky_background(scenario: Scenario, orbit: xr.Dataset) -> xr.DataArray | None:
    """Return the clicks that the sky makes in each detector, by its light; None where no station has a model of it.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.

    Returns
    -------
    xarray.DataArray, dims (time, station, light)
        Clicks in each detector [1/s]; zero at a station without a model. The light of the sky is not polarised, so that
        the detectors of an analyser share it evenly. What a detector's efficiency differs from the mean of the station
        is left out.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> sky = {"filter_nm": 20, "dark_magnitude": 20.2}
    >>> mission = load_scenario("liao2017").replaced({"stations.0.sky": sky, "stations.0.field_of_view_urad": 100})
    >>> light = sky_background(mission, find_sessions(mission))
    >>> light.light.values.tolist(), bool((light.sel(light="sun") == 0).all())
    (['dark', 'glow', 'moon', 'sun', 'twilight'], True)
    """
    if not any(station.sky for station in scenario.stations):
        return None
    names = [field.name for field in fields(SkyRadiance)]
    seen = np.zeros((orbit.sizes["time"], len(scenario.stations), len(names)))
    wavelength_m = scenario.transmitter.wavelength_nm * 1e-9
    for index, station in enumerate(scenario.stations):
        if station.sky is None:
            continue
        assert station.field_of_view_urad is not None  # a sky goes with it
        here = orbit.isel(station=index)
        radiance = sky_radiance(
            **{
                f"{name}_deg": here[name].values
                for name in ("elevation", "azimuth", "moon_elevation", "moon_separation", "moon_phase_angle")
            },
            sun_elevation_deg=here.sun_elevation.values,
            sun_separation_deg=here.sun_separation.values,
            dark_magnitude=station.sky.dark_magnitude,
            extinction_mag=station.sky.extinction_mag,
            glow=station.sky.glow,
            wavelength_m=wavelength_m,
        )
        detectors = station.detectors[: 2 if scenario.detection.basis_choice == "active" else 4]
        efficiency = np.mean([detector.efficiency for detector in detectors])
        each = station.receiver_efficiency * efficiency / len(detectors)
        for number, name in enumerate(names):
            seen[:, index, number] = each * received_hz(
                getattr(radiance, name),
                aperture_m=station.aperture_m,
                obscuration_m=station.obscuration_m,
                field_of_view_rad=station.field_of_view_urad * 1e-6,
                filter_nm=station.sky.filter_nm,
            )
    text = "clicks of the sky's light in each detector"
    coords = {"station": [station.name for station in scenario.stations], "light": names}
    return xr.DataArray(seen, coords, ("time", "station", "light"), attrs={"units": "s-1", "long_name": text})


def _monitored(scenario: Scenario) -> dict[str, float]:
    """Return the coincidence rate of a monitor on board [1/s], if the source has one."""
    source = scenario.source
    if isinstance(source, DecoySource) or source.monitor_tap is None:
        return {}
    return {"monitor_coincidence_rate": source.pair_rate_hz * source.monitor_tap**2}


def observables(truth: xr.Dataset) -> dict[str, tuple[float, str]]:
    """Return what a publication can be compared with: name to (value, unit).

    Examples
    --------
    >>> observables(xr.Dataset(attrs={"monitor_coincidence_rate": 5000.0}))
    {'monitor_coincidence_rate': (5000.0, '1/s')}
    """
    if "monitor_coincidence_rate" not in truth.attrs:
        return {}
    return {"monitor_coincidence_rate": (float(truth.attrs["monitor_coincidence_rate"]), "1/s")}


def _blocks(scenario: Scenario, stations: list["_Receiver"], block_s: float | None) -> Iterator[tuple[int, slice]]:
    """Yield the coherence cells of a session that are simulated at once, with the number of their measurement."""
    one = stations[0]
    if block_s:
        which = np.arange(one.power.size) // max(int(block_s * one.cells_per_s), 1)
    else:
        source = scenario.source
        rate_hz = source.pulse_rate_hz * source.mu.max() if isinstance(source, DecoySource) else source.pair_rate_hz
        tags_hz = sum(rate_hz * station.power * station.efficiencies.max() + station.other_hz for station in stations)
        which = np.cumsum(tags_hz / one.cells_per_s) // BLOCK_TAGS
    ends = np.flatnonzero((np.diff(which, append=-1) != 0) | (np.diff(one.measurement, append=-1) != 0)) + 1
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        if one.measurement[first] >= 0:
            yield int(one.measurement[first]), slice(first, last)


def _lights(
    scenario: Scenario,
    stations: list["_Receiver"],
    measurement: int,
    cells: slice,
    emissions: PoissonProcess,
    rng: np.random.Generator,
) -> list[Light]:
    """Draw the photons that each station will detect in a block."""
    source, angles_deg, one = scenario.source, scenario.measurements[measurement].angles_deg, stations[0]
    if one.flips is not None:
        source = source.model_copy(update={"polarization_contrast": 1 / one.flips - 1})
    if isinstance(source, DecoySource):
        light = decoy_light(
            source=source if one.eve is None else _split(source, one),
            angles_deg=angles_deg[0],
            efficiencies=one.efficiencies,
            edges_s=one.edges_s(cells),
            transmittance=one.power[cells],
            rotation_rad=one.rotation_rad[cells],
            optics=None if one.optics is None else one.optics[cells],
            first_pulse=one.session * SESSION_PULSES,
            log_key=record_key(*one.run_names, "log"),
            emissions=emissions,
            rng=rng,
        )
        return [_attacked(light, one, source)]
    lights = entangled_light(
        source=source,
        angles_deg=angles_deg,
        switch_rate_hz=scenario.detection.switch_rate_hz,
        efficiencies=np.array([station.efficiencies for station in stations]),
        edges_s=one.edges_s(cells),
        transmittances=np.array([station.power[cells] for station in stations]),
        rotations_rad=np.array([station.rotation_rad[cells] for station in stations]),
        optics=None if one.optics is None else [s.optics[cells] for s in stations if s.optics is not None],
        flights=[station.flight for station in stations],
        switch_keys=[station.switch_key for station in stations],
        repeats_after=[station.repeats_after for station in stations],
        first_shares=[station.first_share for station in stations],
        emissions=emissions,
        rng=rng,
    )
    return [*lights[:-1], _attacked(lights[-1], stations[-1], source)]


def _split(source: DecoySource, station: "_Receiver") -> DecoySource:
    """Return a source whose pulses are detected as often as those that Eve has split."""
    assert station.eve is not None
    attack = station.eve.split(source.mu)
    if attack is None:
        return source
    mu = dict(zip(source.mean_photon_numbers, attack.gain / station.transmittance, strict=True))
    return source.model_copy(update={"mean_photon_numbers": mu})


def _attacked(light: Light, station: "_Receiver", source: EntangledSource | DecoySource) -> Light:
    """Return the light that reaches a station, past Eve if she is there."""
    if station.eve is None:
        return light
    if isinstance(source, DecoySource) and (attack := station.eve.split(source.mu)) is not None:
        pulse = station.session * SESSION_PULSES + np.floor(light.emission_s * source.pulse_rate_hz).astype(np.int64)
        log = transmitter_log(record_key(*station.run_names, "log"), pulse, source.shares)
        known, certainty = attack.known[log[0]], attack.certainty
        station.eve.keep(light.emission_s, known=known, certainty=certainty, basis=log[1], bit=log[2])
    return Light(*station.eve.touch(light.emission_s, light.channel))


class _Receiver:
    """One station in a session: its link, clock, detectors, and the tags that wait for the next block.

    Each random stream serves one purpose and is used up in the order of the events, so that the result does not depend
    on where blocks end.

    Parameters
    ----------
    scenario : Scenario
    orbit, channel : xarray.Dataset
    index : int
        Number of the station.
    names : tuple
        Seed, scenario, run, stage and session, which name the random streams.

    Attributes
    ----------
    power : ndarray, shape (cell,)
        Transmittance with fading, in each coherence cell [1].
    measurement : ndarray of int, shape (cell,)
        Number of the measurement, -1 where the link is closed.
    """

    def __init__(
        self,
        scenario: Scenario,
        orbit: xr.Dataset,
        channel: xr.Dataset,
        index: int,
        names: tuple[int, str, int, str, int],
    ) -> None:
        self.scenario, self.section = scenario, scenario.stations[index]
        self._names, self.run_names, self.session = names, names[:3], names[4]
        self.efficiencies = np.array([detector.efficiency for detector in self.section.detectors])
        self.eve: Eve | None = None
        self.repeats_after: int | None = None
        self.first_share = 0.5  # of an active receiver's settings, those that are 0
        self.switch_key: int | None = None  # of an active receiver, which draws its settings
        self._setting_at: Callable[[np.ndarray], np.ndarray] | None = None
        if (rate_hz := scenario.detection.switch_rate_hz) is not None:
            self.switch_key = record_key(*self.run_names, "settings", self.section.name, self.session)
        nodes = np.flatnonzero(orbit.session_number.values == self.session)
        self.nodes = slice(nodes[0], nodes[-1] + 1)
        times = orbit.time.values
        self.start_ps = int((times[nodes[0]] - times[0]) / np.timedelta64(1, "ns")) * 1000
        self._path = {
            "node_s": np.arange(nodes.size, dtype=float),
            "range_m": orbit.range.values[nodes, index].astype(float),
            "range_rate_m_s": orbit.range_rate.values[nodes, index].astype(float),
        }
        self.cells_per_s = int(np.ceil(1e3 / scenario.channel.fading_coherence_ms))
        self.measurement = np.repeat(orbit.measurement.values[nodes], self.cells_per_s)
        middle = (np.arange(self.measurement.size) + 0.5) / self.cells_per_s
        mean, variance = (
            np.interp(middle, self._path["node_s"], channel[name].values[nodes, index])
            for name in ("transmittance", "fading_variance")
        )
        self._factor = fading(variance, self._stream("fading"))
        if scenario.channel.fading == "correlated":
            self._factor = np.ones_like(mean)
            for cause in ("scintillation", "pointing"):
                varies, time_s = (
                    np.interp(middle, self._path["node_s"], channel[f"{cause}_{what}"].values[nodes, index])
                    for what in ("variance", "time")
                )
                chain = self._stream(f"fading by {cause}")
                self._factor *= correlated_fading(varies, time_s, step_s=1 / self.cells_per_s, rng=chain)
        self.power = mean * self._factor
        self.transmittance = float(mean.mean() * self.efficiencies.mean())
        if scenario.attack is not None and self.section is scenario.stations[-1]:
            self._attack()
        if self.switch_key is not None and rate_hz is not None:
            self._setting_at = partial(
                settings_at,
                switch_rate_hz=rate_hz,
                key=self.switch_key,
                repeats_after=self.repeats_after,
                first_share=self.first_share,
            )
        sky = sky_background(scenario, orbit.isel(time=nodes))
        seen = None if sky is None else sky.values[:, index].sum(axis=-1)
        self._sky_hz = None if seen is None else np.interp(middle, self._path["node_s"], seen)
        turned = np.radians(orbit.polarization_rotation.values[nodes, index])
        self.rotation_rad = np.interp(middle, self._path["node_s"], turned)
        self.optics: np.ndarray | None = None  # Jones matrix of each cell, which contains the rotation
        self.flips: float | None = None
        if "jones" in channel:
            parts = channel.jones.values[nodes, index]
            flat = [np.interp(middle, self._path["node_s"], part) for part in parts.reshape(nodes.size, -1).T]
            each = np.reshape(np.transpose(flat), (middle.size, *parts.shape[1:]))
            self.optics = each[..., 0] + 1j * each[..., 1]
            self.flips = float(channel.polarization_flips)
            self.rotation_rad = np.zeros_like(self.rotation_rad)
        self._begin_tags()

    def _attack(self) -> None:
        """Let Eve take the light of this station."""
        scenario, detectors = self.scenario, float(self.efficiencies.mean())
        target = Target(
            wavelength_nm=scenario.transmitter.wavelength_nm,
            discards_double_clicks=scenario.coincidence.double_clicks == "discard",
            switch_rate_hz=scenario.detection.switch_rate_hz,
            dead_time_s=1e-9 * scenario.detection.dead_time_ns,
            transmittance=self.transmittance,
            receiver_efficiency=self.section.receiver_efficiency * detectors,
            window_ps=1e3 * scenario.coincidence.window_ns,
            jitter_ps=scenario.detection.timing_jitter_ps * np.sqrt(len(scenario.stations)),
        )
        assert scenario.attack is not None
        self.eve = Eve(scenario.attack, target, self._stream("eve"))
        self.power = self.power * self.eve.gain
        self.repeats_after, self.first_share = self.eve.settings_in_record, self.eve.first_share

    def _begin_tags(self) -> None:
        """Set up noise, jitter and detectors."""
        detection, beacon, source = self.scenario.detection, self.scenario.beacon, self.scenario.source
        active = detection.basis_choice == "active"
        detectors = self.section.detectors[: 2 if active else 4]
        self._noise_hz = np.array([self.section.background_rate_hz + d.dark_rate_hz for d in detectors])
        self._beacon_hz = beacon.pulse_rate_hz / beacon.recorded_one_in
        self.other_hz = self._noise_hz.sum() + self._beacon_hz
        if self._sky_hz is not None:
            self.other_hz = self.other_hz + len(detectors) * self._sky_hz
        width_ps, period_ps = 0.0, 0.0
        if isinstance(source, DecoySource):
            width_ps, period_ps = source.pulse_width_ps / FWHM_PER_SIGMA, PS / source.pulse_rate_hz
        click_ps = np.hypot(detection.timing_jitter_ps, width_ps)
        jitters_ps = {
            "photons": click_ps,
            "noise": click_ps,
            "beacon": beacon.jitter_ps,
            "gps": beacon.gps_jitter_ns * 1e3,
        }
        self._jitter = {kind: (sigma_ps / PS, self._stream(f"{kind} jitter")) for kind, sigma_ps in jitters_ps.items()}
        # A tag can move over the end of a block by jitter, and from the photon to the middle of its pulse.
        moved_ps = 0.0 if self.eve is None else PS * self.eve.reach_s
        self._margin_ps = int(np.ceil(10 * click_ps + period_ps + moved_ps)) + 1
        self._noise_arrivals, self._noise_rng = PoissonProcess(self._stream("noise arrivals")), self._stream("noise")
        self._waiting = {"photons": Waiting(), "noise": Waiting()}
        self._detectors = Detectors(
            detector_of=np.array([0, 1, 0, 1] if active else [0, 1, 2, 3], np.uint8),
            dead_ps=int(detection.dead_time_ns * 1e3),
            afterpulse_probability=detection.afterpulse_probability,
            afterpulse_decay_ps=(detection.afterpulse_decay_ns or 0.0) * 1e3,
            rng=self._stream("after-pulses"),
        )

    def _stream(self, purpose: str) -> np.random.Generator:
        """Open the random stream of this station and session for a purpose."""
        return stream(*self._names, self.section.name, purpose)

    def edges_s(self, cells: slice) -> np.ndarray:
        """Return the edges of coherence cells since the session's start [s]."""
        return np.arange(cells.start, cells.stop + 1) / self.cells_per_s

    def flight(self, emission_s: np.ndarray) -> np.ndarray:
        """Return the arrival times of photons that leave at given times [s since the session's start]."""
        return arrival_times(emission_s, **self._path)

    def mean_fading(self) -> np.ndarray:
        """Return the mean fading factor of each second, nan where the link is closed."""
        open_s = self.measurement[:: self.cells_per_s] >= 0
        return np.where(open_s, self._factor.reshape(-1, self.cells_per_s).mean(axis=1), np.nan)

    def by_second(self, light: Light) -> np.ndarray:
        """Return the number of photons in each second of the session."""
        is_open = self.measurement[:: self.cells_per_s] >= 0
        last = np.flatnonzero(is_open)[-1]  # a pulse that began in it may have its middle after it
        return np.bincount(np.minimum(light.emission_s.astype(np.int64), last), minlength=is_open.size)

    def record(self, light: Light, cells: slice) -> dict[str, tuple[np.ndarray, ...]]:
        """Return the tags of a block by kind, as columns of the files."""
        edges_s = self.edges_s(cells)
        ends_s = edges_s[[0, -1]]
        arrival_edges_s = self.flight(edges_s)
        rates_hz = self._noise_hz if self._sky_hz is None else self._noise_hz + self._sky_hz[cells, None]
        noise_s, channel = background(
            rates_hz=rates_hz, edges_s=arrival_edges_s, arrivals=self._noise_arrivals, rng=self._noise_rng
        )
        if self._setting_at is not None:
            channel += 2 * self._setting_at(noise_s)
        self._waiting["noise"].add(self._tags("noise", noise_s), channel)
        self._waiting["photons"].add(self._tags("photons", self.flight(light.emission_s)), light.channel)
        pulses = np.arange(*np.ceil(ends_s * self._beacon_hz))
        return {
            "photons": self.clicks(self._clock_ps(arrival_edges_s[-1:])[0] - self._margin_ps),
            "beacon": (self._tags("beacon", self.flight(pulses / self._beacon_hz)),),
            "gps": (self._tags("gps", np.arange(*np.ceil(ends_s))),),  # sessions begin on a whole second of UTC
        }

    def clicks(self, until_ps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return times and channels of the clicks before a time of the local clock [ps]."""
        arrivals = merged(*self._waiting["photons"].before(until_ps), *self._waiting["noise"].before(until_ps))
        times, channel, is_afterpulse = self._detectors.clicks(*arrivals, last=until_ps == NEVER_PS)
        if self._setting_at is not None and is_afterpulse.any():
            since_s = (times[is_afterpulse] - self.start_ps) / PS
            arrival_s = (since_s - self.section.clock_offset_s) / (1 + self.section.clock_drift)
            channel[is_afterpulse] += 2 * self._setting_at(arrival_s)
        return times, channel

    def _clock_ps(self, session_s: np.ndarray) -> np.ndarray:
        """Return the local clock [ps since the first session's start] at times since this session's start [s]."""
        return self.start_ps + local_time_ps(
            session_s, offset_s=self.section.clock_offset_s, drift=self.section.clock_drift
        )

    def _tags(self, kind: str, arrival_s: np.ndarray) -> np.ndarray:
        """Return the local times [ps] of events, with the jitter of their kind."""
        sigma_s, rng = self._jitter[kind]
        return self._clock_ps(arrival_s + sigma_s * rng.standard_normal(arrival_s.size))


class _Files:
    """The arrays of one station in the Zarr store."""

    def __init__(self, store: zarr.Group, name: str) -> None:
        self._groups = {kind: store.create_group(f"{name}/{kind}") for kind in ("photons", "beacon", "gps")}
        self._writers = {
            kind: TagWriter(group, {"time": "int64"} | ({"detector": "uint8"} if kind == "photons" else {}))
            for kind, group in self._groups.items()
        }
        self._first: dict[str, list[int]] = {kind: [] for kind in self._groups}
        self._written = dict.fromkeys(self._groups, 0)

    def begin_session(self) -> None:
        """Note where a session begins."""
        for kind, first in self._first.items():
            first.append(self._written[kind])

    def append(self, tags: dict[str, tuple[np.ndarray, ...]]) -> None:
        """Append tags by kind."""
        for kind, columns in tags.items():
            self._writers[kind].append(**dict(zip(("time", "detector"), columns, strict=False)))
            self._written[kind] += columns[0].size

    def close(self) -> None:
        """Write the last tags, and where the sessions begin."""
        for kind, group in self._groups.items():
            self._writers[kind].close()
            group.attrs["session_first_tag"] = [*self._first[kind], self._written[kind]]
