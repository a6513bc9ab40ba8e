"""Write a plan as CZML for CesiumJS: satellites on their orbits, stations, and a line while a link is open."""

import json

import numpy as np
import pandas as pd

from satqkd.orbit.propagation import Trajectory
from satqkd.planner.planfile import DAY, Plan, PlanStation

# Okabe and Ito's palette, as in the figures.
COLOURS = ([0, 114, 178, 255], [213, 94, 0, 255], [0, 158, 115, 255], [230, 159, 0, 255], [204, 121, 167, 255])
WHITE = [255, 255, 255, 255]
DEGREE = 5  # of the polynomial between nodes: half a metre in low orbit


def document(plan: Plan, passes: pd.DataFrame, trajectories: dict[str, Trajectory]) -> str:
    """Return the first `czml_days` of a plan as CZML.

    Parameters
    ----------
    plan : Plan
    passes : pandas.DataFrame
        Result of `make_plan`.
    trajectories : dict of str to Trajectory
        By satellite. The nodes are the sampled positions, in the Earth's frame.

    Returns
    -------
    str
        JSON, with one packet a line.

    Examples
    --------
    >>> from satqkd.planner import load_plan, make_plan
    >>> plan = load_plan("example", days=1)
    >>> forecast = make_plan(plan)
    >>> packets = json.loads(document(plan, forecast.passes, forecast.trajectories))
    >>> packets[0]["clock"]["interval"]
    '2018-09-10T00:00:00Z/2018-09-11T00:00:00Z'
    """
    end_utc = min(plan.start_utc + plan.czml_days * DAY, plan.end_utc)
    whole = _interval(plan.start_utc, end_utc)
    packets = [_document(plan, whole)]
    packets += [_station(station) for station in plan.stations]
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(trajectories)}
    for name, path in trajectories.items():
        packets.append(_satellite(name, path, end_utc, whole, colours[name]))
    open_end = np.datetime_as_string(end_utc, unit="s") + "Z"
    shown = passes[(passes.window_s > 0) & (passes.window_end_utc <= open_end)]
    for (satellite, stations), rows in shown.groupby(["satellite", "stations"], sort=True):
        for station in stations.split("+"):
            packets.append(_link(satellite, stations, station, rows, whole, colours[satellite]))
    return "[\n" + ",\n".join(json.dumps(packet, ensure_ascii=False) for packet in packets) + "\n]\n"


def _document(plan: Plan, whole: str) -> dict:
    clock = {
        "interval": whole,
        "currentTime": whole.split("/")[0],
        "multiplier": 60,
        "range": "LOOP_STOP",
        "step": "SYSTEM_CLOCK_MULTIPLIER",
    }
    return {"id": "document", "name": plan.title, "version": "1.0", "clock": clock}


def _station(station: PlanStation) -> dict:
    place = [station.longitude_deg, station.latitude_deg, station.altitude_m]
    return {
        "id": f"station/{station.name}",
        "name": station.name,
        "position": {"cartographicDegrees": place},
        "point": {"pixelSize": 8, "color": {"rgba": WHITE}},
        "label": _label(station.name, WHITE),
    }


def _satellite(name: str, path: Trajectory, end_utc: np.datetime64, whole: str, colour: list[int]) -> dict:
    spacing_s = path.spacing_s
    count = min(int(np.ceil((end_utc - path.start) / np.timedelta64(1, "s") / spacing_s)) + 1, len(path.position_m))
    samples = np.column_stack([np.arange(count) * spacing_s, np.round(path.position_m[:count], 1)])
    return {
        "id": f"satellite/{name}",
        "name": name,
        "availability": whole,
        "position": {
            "epoch": whole.split("/")[0],
            "referenceFrame": "FIXED",
            "interpolationAlgorithm": "LAGRANGE",
            "interpolationDegree": DEGREE,
            "cartesian": samples.ravel().tolist(),
        },
        "point": {"pixelSize": 10, "color": {"rgba": colour}},
        "label": _label(name, colour),
        "path": {
            "leadTime": 0,
            "trailTime": 2700,
            "resolution": 60,
            "width": 1,
            "material": {"solidColor": {"color": {"rgba": colour}}},
        },
    }


def _link(satellite: str, stations: str, station: str, rows: pd.DataFrame, whole: str, colour: list[int]) -> dict:
    shown = [{"interval": whole, "boolean": False}]
    shown += [
        {"interval": f"{begin}/{end}", "boolean": True}
        for begin, end in zip(rows.window_start_utc, rows.window_end_utc, strict=True)
    ]
    return {
        "id": f"link/{satellite}/{stations}/{station}",
        "name": f"{satellite} to {station}",
        "polyline": {
            "show": shown,
            "positions": {"references": [f"satellite/{satellite}#position", f"station/{station}#position"]},
            "arcType": "NONE",
            "width": 2,
            "material": {"solidColor": {"color": {"rgba": colour}}},
        },
    }


def _label(text: str, colour: list[int]) -> dict:
    return {
        "text": text,
        "font": "12px sans-serif",
        "fillColor": {"rgba": colour},
        "pixelOffset": {"cartesian2": [10, -10]},
        "horizontalOrigin": "LEFT",
    }


def _interval(start: np.datetime64, end: np.datetime64) -> str:
    return "/".join(np.datetime_as_string(time, unit="s") + "Z" for time in (start, end))
