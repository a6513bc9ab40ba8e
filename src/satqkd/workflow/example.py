"""Example recordings: what a laboratory would record, by the event simulation."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from satqkd.bench import still_link
from satqkd.detection import read_tags, simulate, write_tags
from satqkd.scenario import Recorded, Scenario, ScenarioError

# A tagger counts from its start, which was this long before the source was switched on.
RUNNING_PS = 10**12


def record_example(scenario: Recorded, mission: Scenario, *, transmittance: float, seed: int) -> list[Path]:
    """Simulate a laboratory, and write the recordings that a scenario names in their formats and with their channels.

    Parameters
    ----------
    scenario : Recorded
        Without an orbit; each measurement has a duration. A station's first ignored channel records the GPS seconds.
    mission : Scenario
        Its source, detectors and clocks are used in the laboratory.
    transmittance : float
        Constant transmittance of both paths, without detectors [1].
    seed : int

    Returns
    -------
    list of Path
        The recordings, in the folder `recordings` beside the scenario's folder.

    Raises
    ------
    ScenarioError
        Unless the names of the recordings begin with ``example_``, so that no laboratory's recording is overwritten.
    """
    if own := [s.recording for s in scenario.stations if not s.recording.startswith("example_")]:
        raise ScenarioError(
            f"{scenario.path}: recording={own[0]} does not begin with example_: only such files are simulated, so that "
            "no recording of yours is overwritten"
        )
    bench = mission.model_copy(
        update={
            "name": scenario.name,
            "measurements": scenario.measurements,
            "source": mission.source.model_copy(update={"bell_state": scenario.source.bell_state}),
            "stations": tuple(
                there.model_copy(update={"name": here.name})
                for there, here in zip(mission.stations, scenario.stations, strict=True)
            ),
        }
    )
    durations_s = [int(measurement.duration_s or 0) for measurement in bench.measurements]
    room, link = still_link([station.name for station in bench.stations], durations_s, transmittance=transmittance)
    folder = scenario.path.parent.parent / "recordings"
    with TemporaryDirectory() as temporary:
        tags = Path(temporary) / "detection.zarr"
        simulate(bench, room, link, path=tags, seed=seed, run=1)
        for station in scenario.stations:
            photons, gps = read_tags(tags, station.name), read_tags(tags, station.name, "gps")
            time, channel = photons.time.values, np.array(station.channels, np.uint8)[photons.detector.values]
            if station.ignored_channels:
                time = np.concatenate([time, gps.time.values])
                channel = np.append(channel, np.full(gps.sizes["tag"], station.ignored_channels[0], np.uint8))
            order = np.argsort(time, kind="stable")
            data = xr.Dataset({"time": ("tag", time[order] + RUNNING_PS), "detector": ("tag", channel[order])})
            write_tags(data, folder / station.recording, format=station.format)
    return [folder / station.recording for station in scenario.stations]
