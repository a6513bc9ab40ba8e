"""What a receiver's beam splitter, filters, detectors and monitor do with light that it was not made for.

The curves follow from the device models of `satqkd.attack.devices` with the values of the section `attack`; printed are
the wavelength, the widths of filter and field of view, both resistances, the sampling rate and the alarm. The shapes
are assumed.
"""

import numpy as np
import pandas as pd

from satqkd.attack.devices import field_of_view_efficiency_at, split_to_first, voltage_v
from satqkd.papers.results import Results
from satqkd.scenario.hostile import Blinding, SpatialMode, WavelengthDependence
from satqkd.validation.reference import load_reference

BLOCKING_DB = 50.0  # of an interference filter outside its band (assumed: optical density 5)
BLOCKED_NM = 150.0  # to either side of its middle, beyond which a narrow filter of few layers passes again (assumed)
BROAD_NM = 100.0  # full width of a coloured glass that blocks there (assumed)
EDGE_ORDER = 4  # of a super-Gaussian pass band (assumed)
MONITOR_SECONDS = 1e-3  # time constant of resistor and capacitor in front of the monitor (assumed)
ALARMING_UA = 150.0  # photocurrent of a second, brighter Eve


def _printed(results: Results, name: str) -> float:
    """Return a printed property of the apparatus, in its printed unit."""
    assert results.scenario.reference is not None
    (value,) = (one.value for one in load_reference(results.scenario.reference).values if one.id == name)
    assert isinstance(value, int | float)
    return float(value)


def splitting(results: Results) -> pd.DataFrame:
    """Return how a beam splitter divides light of each wavelength.

    Columns: wavelength_nm, to_first and to_second (share of the light that goes to each basis), in_band (whether the
    printed filter passes it).
    """
    attack, middle_nm = WavelengthDependence(kind="wavelength"), results.scenario.transmitter.wavelength_nm
    half_nm = _printed(results, "filter_bandwidth") / 2
    wavelength_nm = middle_nm + np.unique(np.concatenate([np.arange(-250.0, 251.0, 5.0), [-half_nm, half_nm]]))
    to_first = split_to_first(wavelength_nm, design_nm=middle_nm, order=attack.coupler_order)
    inside = np.abs(wavelength_nm - middle_nm) <= half_nm
    return pd.DataFrame(
        {"wavelength_nm": wavelength_nm, "to_first": to_first, "to_second": 1 - to_first, "in_band": inside}
    )


def filters(results: Results) -> pd.DataFrame:
    """Return what filters leave of light of each wavelength, and what its basis is.

    Columns: wavelength_nm, narrow_db, broad_db and both_db (transmittance), steered (share of the light that goes to
    the basis which has most of it).
    """
    table = splitting(results)
    away_nm = (table.wavelength_nm - results.scenario.transmitter.wavelength_nm).abs()
    narrow_db = _band_db(away_nm, width_nm=_printed(results, "filter_bandwidth")).where(away_nm < BLOCKED_NM, 0.0)
    broad_db = _band_db(away_nm, width_nm=BROAD_NM)
    return pd.DataFrame(
        {
            "wavelength_nm": table.wavelength_nm,
            "narrow_db": narrow_db,
            "broad_db": broad_db,
            "both_db": narrow_db + broad_db,
            "steered": table[["to_first", "to_second"]].max(axis=1),
        }
    )


def _band_db(away_nm: pd.Series, *, width_nm: float) -> pd.Series:
    """Return the transmittance of a filter whose band has a full width at half maximum, not below its blocking [dB]."""
    half_db = 10 * np.log10(2)
    return (-half_db * (2 * away_nm / width_nm) ** EDGE_ORDER).clip(lower=-BLOCKING_DB)


def blinding_monitor(results: Results) -> pd.DataFrame:
    """Return the voltage that the monitor samples while light begins to blind a detector.

    Columns: seconds, photocurrent_ua, monitor_v, blind (whether the steady current takes the excess bias away), blind_v
    (lowest voltage of a blind diode); a block of rows for each photocurrent.
    """
    rq_kohm, rs_kohm = (_printed(results, f"{name}_resistance") for name in ("quenching", "sampling"))
    attack = Blinding(kind="blinding", quenching_kohm=rq_kohm, sampling_kohm=rs_kohm)
    blind_v = attack.excess_bias_v * rs_kohm / (rq_kohm + rs_kohm)
    seconds = np.arange(-0.002, 0.008, 40 / _printed(results, "monitor_sampling_rate"))  # every fortieth sample
    risen = np.where(seconds < 0, 0.0, -np.expm1(-np.maximum(seconds, 0.0) / MONITOR_SECONDS))
    parts = []
    for current_ua in (attack.photocurrent_ua, ALARMING_UA):
        steady_v = voltage_v(current_ua, rs_kohm)
        columns = {"seconds": seconds, "photocurrent_ua": current_ua, "monitor_v": steady_v * risen}
        parts.append(pd.DataFrame(columns | {"blind": steady_v >= blind_v, "blind_v": blind_v}))
    return pd.concat(parts, ignore_index=True)


def spatial_modes(results: Results) -> pd.DataFrame:
    """Return how well each detector sees light from an angle to the optical axis, along a diagonal of their directions.

    Columns: angle_urad, detector_0 to detector_3 (relative to its own best), in_view (whether the printed field of view
    contains the angle), ratio (of the best to the worst detector).
    """
    attack, view_urad = SpatialMode(kind="spatial_mode"), results.scenario.stations[-1].field_of_view_urad
    assert view_urad is not None
    angle_urad = np.unique(np.concatenate([np.arange(-120.0, 121.0, 2.0), [-view_urad / 2, view_urad / 2]]))
    seen = field_of_view_efficiency_at(
        angle_urad[:, None] / np.sqrt(2) * np.ones(2),
        misalignment_urad=attack.misalignment_urad,
        acceptance_urad=attack.acceptance_urad,
    )
    columns = {f"detector_{number}": column for number, column in enumerate(seen.T)}
    ratio = seen.max(axis=1) / seen.min(axis=1)
    inside = 2 * np.abs(angle_urad) <= view_urad
    return pd.DataFrame({"angle_urad": angle_urad} | columns | {"in_view": inside, "ratio": ratio})
