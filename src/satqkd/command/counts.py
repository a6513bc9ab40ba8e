"""Key lengths from counts that a user gives: `satqkd key`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from satqkd import key
from satqkd.key import CountedKey, DecoyCounts, from_counts
from satqkd.scenario.fields import NonNegative, Number, Probability, Section
from satqkd.scenario.messages import ScenarioError, validated

ByIntensity = Annotated[tuple[NonNegative, ...], Field(min_length=2, max_length=3)]


class Proof(Section):
    """Parameters of a proof, which every length depends on."""

    eps_sec: Probability = Field(1e-10, description="secrecy failure probability [1]")
    eps_cor: Probability = Field(1e-10, description="correctness failure probability [1]")
    f_ec: Annotated[Number, Field(ge=1, le=3)] = Field(1.16, description="inefficiency of error correction [1]")
    efficiency_mismatch: Annotated[Number, Field(ge=0, lt=1)] = Field(0, description="relative, between detectors [1]")


class PairCounts(Proof):
    """Counts of photon pairs; the key comes from both bases."""

    n_z: NonNegative = Field(description="sifted bits in Z [bit]")
    n_x: NonNegative = Field(description="sifted bits in X [bit]")
    errors_z: NonNegative = Field(description="errors among those in Z [bit]")
    errors_x: NonNegative = Field(description="errors among those in X [bit]")


class PulseCounts(Proof):
    """Counts of decoy-state pulses by intensity: signal, decoy and, if used, vacuum; the key comes from basis X."""

    detections_x: ByIntensity = Field(description="sifted bits in X, by intensity [bit]")
    detections_z: ByIntensity = Field(description="sifted bits in Z, by intensity [bit]")
    errors_x: ByIntensity = Field(description="errors among those in X, by intensity [bit]")
    errors_z: ByIntensity = Field(description="errors among those in Z, by intensity [bit]")
    pulses: ByIntensity | None = Field(None, description="pulses sent, by intensity [1]")
    mean_photon_numbers: ByIntensity = Field(description="mean photon number, by intensity [1]")
    intensity_probabilities: ByIntensity = Field(description="share of the pulses, by intensity [1]")


def key_lengths(given: Mapping[str, Any], place: Path | str = "counts") -> pd.DataFrame:
    """Return the length of the key under every proof, from counts.

    Parameters
    ----------
    given : mapping
        The keys of `PairCounts`, or of `PulseCounts`.
    place : Path or str
        What the error message names first, such as the file.

    Returns
    -------
    pandas.DataFrame
        Columns ``proof``, ``bits`` and ``no_key``, the reason if a proof gives no key.

    Raises
    ------
    ScenarioError
        One sentence on what is wrong with a count.

    Examples
    --------
    >>> counted = {"n_z": 1685, "n_x": 1415, "errors_z": 78, "errors_x": 62}
    >>> table = key_lengths(counted | {"f_ec": 1.19, "efficiency_mismatch": 0.0147})
    >>> int(table.set_index("proof").bits["yin2020"])
    372
    """
    try:
        if "detections_x" in given:
            found = _of_pulses(validated(PulseCounts, dict(given), place))
        else:
            found = _of_pairs(validated(PairCounts, dict(given), place))
    except ScenarioError:
        raise
    except ValueError as error:
        raise ScenarioError(f"{place}: {error}") from None
    rows = [(bound, int(bits), str(found.no_key[bound])) for bound, bits in found.length.items()]
    return pd.DataFrame(rows, columns=["proof", "bits", "no_key"])


def _of_pairs(counts: PairCounts) -> CountedKey:
    """Return the key from counts of pairs."""
    values = dict(counts)
    counted = key.PairCounts(**{name: values.pop(name) for name in ("n_z", "n_x", "errors_z", "errors_x")})
    return from_counts(counted, **values)


def _of_pulses(counts: PulseCounts) -> CountedKey:
    """Return the key from counts of pulses."""
    values = dict(counts)
    names = ("detections_x", "detections_z", "errors_x", "errors_z", "pulses")
    return from_counts(DecoyCounts(*(values.pop(name) for name in names)), **values)
