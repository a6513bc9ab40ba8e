"""Tabulate the parameters of a scenario with their origin: all of them, or those that one stage uses."""

import re
from collections.abc import Iterator
from typing import Any

from satqkd.scenario import AnyScenario
from satqkd.scenario.fields import Section
from satqkd.tables.table import Table

_PULSES = tuple(
    f"source.{name}" for name in ("pulse_rate_hz", "mean_photon_numbers", "intensity_probabilities", "bell_state")
)
# The sections of a scenario, or keys in them, that each stage uses.
INPUTS = {
    "orbit": (
        "orbit",
        *(f"stations.{name}" for name in ("latitude_deg", "longitude_deg", "altitude_m", "utc_offset_h", "mount")),
        "relay",
        "polarization",
        "measurements.duration_s",
    ),
    "channel": (
        "transmitter",
        "channel",
        *(
            f"stations.{name}"
            for name in (
                "aperture_m",
                "obscuration_m",
                "field_of_view_urad",
                "receiver_efficiency",
                "zenith_extinction_db",
            )
        ),
    ),
    "detection": (
        "source",
        "detection",
        "channel.fading_coherence_ms",
        "measurements.angles_deg",
        *(f"stations.{name}" for name in ("detectors", "background_rate_hz", "sky", "clock_offset_s", "clock_drift")),
        "beacon",
    ),
    "coincidence": ("coincidence", "beacon", *_PULSES, "measurements"),
    "key": ("key", *_PULSES, "source.intensity_fluctuation", "source.returned_photons", "public_link"),
    "bell": (
        "measurements",
        "source.bell_state",
        "detection.switch_rate_hz",
        "detection.random_number_delay_ns",
        "detection.measurement_delay_ns",
    ),
    "fiber": ("fiber", "source.pair_rate_hz", *_PULSES[:3], "stations.detectors.efficiency"),
}


def inputs(scenario: AnyScenario, stage: str) -> Table:
    """Tabulate the parameters that a stage uses, and the origin of each.

    Parameters
    ----------
    scenario : AnyScenario
    stage : str
        Key of `INPUTS`.

    Returns
    -------
    Table
        Columns parameter, value, origin and "where or why". Values of several stations, detectors or measurements share
        a row where they have the same origin; they are in the file's order, and written once where they are equal.

    Raises
    ------
    ValueError
        There is no such stage.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> table = inputs(load_scenario("data/scenarios/yin2020.yaml"), "channel").set_index("parameter")
    >>> table.loc["stations.aperture_m", ["value", "origin"]].tolist()
    ['1.2', 'published']
    """
    if stage not in INPUTS:
        raise ValueError(f"stage={stage} has no table of inputs: give one of {', '.join(INPUTS)}")
    shared: dict[tuple[int, str, str, str], list[str]] = {}
    for key, value, origin, words, _ in parameter_rows(scenario):
        name = re.sub(r"\.\d+", "", key)
        for place, used in enumerate(INPUTS[stage]):
            if f"{name}.".startswith(f"{used}."):
                shared.setdefault((place, name, origin, words), []).append(value)
    rows = [
        (name, "; ".join(values if len(set(values)) > 1 else values[:1]), origin, words)
        for (_, name, origin, words), values in sorted(shared.items(), key=lambda item: item[0][0])
    ]
    return Table(rows, columns=["parameter", "value", "origin", "where or why"])


def parameter_rows(scenario: AnyScenario) -> list[tuple[str, str, str, str, str]]:
    """Return every value of a scenario, including the defaults.

    Parameters
    ----------
    scenario : AnyScenario

    Returns
    -------
    list of tuple of str
        Key (dotted, lists from 0), value with its range or standard deviation, origin, the words of the origin, and the
        key's description. The origin is published, assumed, calibrated, transferred, "not said", or default where the
        file does not have the key. Values that are None or empty are left out.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> next(row[:3] for row in parameter_rows(load_scenario("yin2020")) if row[0] == "stations.0.aperture_m")
    ('stations.0.aperture_m', '1.2', 'published')
    """
    return list(_rows(scenario, "", scenario, True))


def _rows(node: Section, path: str, scenario: AnyScenario, said: bool) -> Iterator[tuple[str, str, str, str, str]]:
    origins, widths = scenario.origins, scenario.widths
    for name, field in type(node).model_fields.items():
        value, key = getattr(node, name), f"{path}{name}"
        here = said and name in node.model_fields_set
        if value is None or value == {} or name == "kind":
            continue
        if isinstance(value, Section):
            yield from _rows(value, f"{key}.", scenario, here)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for number, entry in enumerate(value):
                yield from _rows(entry, f"{key}.{number}.", scenario, here)
        else:
            whole = not isinstance(value, dict) or key in origins
            for entry, part in [(key, value)] if whole else [(f"{key}.{name}", part) for name, part in value.items()]:
                origin, words = origins.get(entry, ("not said" if here else "default", ""))
                width = f" ({widths[entry]})" if entry in widths else ""
                yield entry, _shown(part) + width, origin, words, field.description or ""


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, tuple | list | dict | float):
        return "yes" if value is True else "no" if value is False else str(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(entry)}" for name, entry in value.items())
    return f"{value:.10g}" if isinstance(value, float) else "[" + ", ".join(map(_shown, value)) + "]"
