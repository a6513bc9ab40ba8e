"""Satellite quantum key distribution, reproducible from the orbit to the secret key and the Bell test.

Parts are imported when they are first used:

>>> import satqkd
>>> mission = satqkd.load_scenario("tiangong2")
>>> sessions = satqkd.orbit.find_sessions(mission)
>>> link = satqkd.channel.link_budget(mission, sessions)
>>> link.attenuation.dims
('time', 'station')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from satqkd.scenario import Scenario, ScenarioError, load_scenario

    __version__: str

__all__ = ["Scenario", "ScenarioError", "__version__", "load_scenario"]

_PARTS = (
    "analytic",
    "attack",
    "bell",
    "bench",
    "calibration",
    "channel",
    "coincidence",
    "counts",
    "dataset",
    "detection",
    "explorer",
    "fiber",
    "files",
    "flight",
    "key",
    "laboratory",
    "orbit",
    "overview",
    "papers",
    "planner",
    "plot",
    "report",
    "result",
    "scenario",
    "stages",
    "streams",
    "sweep",
    "tables",
    "validation",
    "workflow",
)


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"satqkd.{name}")
    if name == "__version__":
        from importlib.metadata import version  # takes longer than the rest of this file

        return version("satqkd")
    if name in __all__:
        return getattr(import_module("satqkd.scenario"), name)
    raise AttributeError(f"module 'satqkd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PARTS})
