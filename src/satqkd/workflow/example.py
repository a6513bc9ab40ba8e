"""Example recordings: what a laboratory would record, by the event simulation."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from satqkd.bench import still_link
from satqkd.detection import read_tags, simulate, write_tags
from satqkd.files import finished
from satqkd.scenario import Recorded, RecordedStation, Scenario, ScenarioError
from satqkd.scenario.mission import DecoyPulses
from satqkd.scenario.provided import folder_beside
from satqkd.scenario.recorded import RecordedRun
from satqkd.streams import transmitter_log

# A tagger counts from its start, which was this long before the source was switched on.
RUNNING_PS = 10**12


def record_example(
    scenario: Recorded, mission: Scenario, *, transmittance: float, seed: int, run_s: int = 4
) -> list[Path]:
    """Simulate a laboratory, and write the recordings that a scenario names in their formats and with their channels.

    Of pulses also write the transmitter's log. Of analysers that are turned each run is simulated by itself with
    receivers of four detectors, of which those of the setting are recorded. A station with a column of settings is such
    a receiver too: its recording is a Parquet file, whose column names the setting of the detector that clicked.

    Parameters
    ----------
    scenario : Recorded
        Without an orbit; each measurement has a duration, unless there are runs. A station's first ignored channel
        records the GPS seconds.
    mission : Scenario
        Its source, detectors and clocks are used in the laboratory.
    transmittance : float
        Constant transmittance of all paths, without detectors [1].
    seed : int
    run_s : int
        Duration of each run that does not have one [s].

    Returns
    -------
    list of Path
        The recordings, and the log, in the folder `recordings` beside the scenario's folder.

    Raises
    ------
    ScenarioError
        Unless the names of the recordings begin with ``example_``, so that no laboratory's recording is overwritten.
    """
    named = [s.recording for s in scenario.stations] + [name for run in scenario.runs or () for name in run.recordings]
    named += [scenario.transmitter.log] if scenario.transmitter else []
    if own := [name for name in named if name and not name.startswith("example_")]:
        raise ScenarioError(
            f"{scenario.path}: recording={own[0]} does not begin with example_: only such files are simulated, so that "
            "no recording of yours is overwritten"
        )
    folder = folder_beside(scenario.path, "recordings")
    if scenario.runs is None:
        durations_s = [int(measurement.duration_s or 0) for measurement in scenario.measurements]
        return _record(scenario, mission, folder, durations_s, transmittance=transmittance, seed=seed)
    names = [measurement.name for measurement in scenario.measurements]
    files = []
    for number, run in enumerate(scenario.runs):
        durations_s = [int(run.duration_s or run_s) if name == run.measurement else 0 for name in names]
        files += _record(
            scenario, mission, folder, durations_s, transmittance=transmittance, seed=seed + number, run=run
        )
    return files


def _record(
    scenario: Recorded,
    mission: Scenario,
    folder: Path,
    durations_s: list[int],
    *,
    transmittance: float,
    seed: int,
    run: RecordedRun | None = None,
) -> list[Path]:
    """Simulate a laboratory for some time, and write its recordings."""
    bench = laboratory_bench(scenario, mission)
    room, link = still_link([station.name for station in bench.stations], durations_s, transmittance=transmittance)
    files = []
    with TemporaryDirectory() as temporary:
        tags = Path(temporary) / "detection.zarr"
        simulate(bench, room, link, path=tags, seed=seed, run=1)
        for index, station in enumerate(scenario.stations):
            photons, gps = read_tags(tags, station.name), read_tags(tags, station.name, "gps")
            time, detector = photons.time.values, photons.detector.values
            if run is not None and (setting := run.settings[index]) is not None:
                own = detector >> 1 == setting
                time, detector = time[own], detector[own]
            # Two detectors are the same for both settings.
            channel = np.array(station.channels * (4 // len(station.channels)), np.uint8)[detector]
            setting_of = detector >> 1
            if station.ignored_channels:
                time = np.concatenate([time, gps.time.values])
                channel = np.append(channel, np.full(gps.sizes["tag"], station.ignored_channels[0], np.uint8))
                setting_of = np.append(setting_of, np.zeros(gps.sizes["tag"], np.uint8))
            order = np.argsort(time, kind="stable")
            data = xr.Dataset({"time": ("tag", time[order] + RUNNING_PS), "detector": ("tag", channel[order])})
            name = station.recording if run is None else run.recordings[index]
            assert name is not None  # either names it
            files.append(folder / name)
            if station.settings_column:
                _write_with_settings(station, files[-1], data, setting_of[order])
            else:
                write_tags(data, files[-1], format=station.format)
        if scenario.transmitter:
            log_key = int(zarr.open_group(tags, mode="r")["transmitter"].attrs["log_key"], 16)
            files.append(folder / scenario.transmitter.log)
            _write_log(scenario, files[-1], log_key, sum(durations_s))
    return files


def laboratory_bench(scenario: Recorded, mission: Scenario) -> Scenario:
    """Return a mission's source, detectors and clocks in the place of those of a recorded scenario.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> bench = laboratory_bench(load_scenario("pulses_example"), load_scenario("liao2017"))
    >>> bench.stations[0].name, bench.source.pulse_rate_hz, bench.source.pulse_width_ps
    ('bob', 2000000.0, 200.0)
    """
    source = {name: getattr(scenario.source, name) for name in type(scenario.source).model_fields if name != "kind"}
    timed = [one if one.duration_s else one.model_copy(update={"duration_s": 1}) for one in scenario.measurements]
    stations = zip(mission.stations, scenario.stations, strict=True)
    return mission.model_copy(
        update={
            "name": scenario.name,
            "relay": None,
            "measurements": tuple(timed),
            "source": mission.source.model_copy(update=source),
            "stations": tuple(there.model_copy(update={"name": here.name}) for there, here in stations),
        }
    )


def _write_with_settings(station: RecordedStation, path: Path, data: xr.Dataset, setting: np.ndarray) -> None:
    """Write tags with the column that says the setting of each, as a Parquet file."""
    values = np.array([stand_for[0] for stand_for in station.settings_values])[setting]
    columns = {"time_ps": data.time.values, "detector": data.detector.values, str(station.settings_column): values}
    with finished(path) as draft:
        pd.DataFrame(columns).to_parquet(draft)


def _write_log(scenario: Recorded, path: Path, log_key: int, seconds: int) -> None:
    """Write what the simulated transmitter sent, as a Parquet file."""
    assert isinstance(scenario.source, DecoyPulses) and scenario.transmitter is not None
    pulses = np.arange(round(scenario.source.pulse_rate_hz * seconds))
    intensity, basis, bit = transmitter_log(log_key, pulses, scenario.source.shares)
    words = np.array(scenario.transmitter.log_intensities)[intensity]
    with finished(path) as draft:
        pd.DataFrame({"intensity": words, "basis": basis, "bit": bit}).to_parquet(draft)
