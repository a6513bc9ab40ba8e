"""Analyse a count table: error rates, visibilities, S, accidental coincidences and key of each row."""

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.bell import chsh
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.counts.accidentals import WindowFactor, expected_accidentals, ratio_of_accidentals, window_factor
from satqkd.counts.table import CountTable, read_table
from satqkd.dataset import label, variable
from satqkd.key import CountedKey, PairCounts, from_counts, sifted_pairs
from satqkd.key.proofs.reasons import REASONS
from satqkd.scenario import Counts
from satqkd.scenario.counts import CountedPairs
from satqkd.scenario.mission import DecoySource

ALL = "all"  # the label of the row after the table's own, in which they are summed
BASES = ("z", "x")


def analyse(scenario: Counts, table: CountTable | None = None) -> xr.Dataset:
    """Return what the counts of each row say, and those of all rows together.

    Parameters
    ----------
    scenario : Counts
    table : CountTable, optional
        By default the scenario's.

    Returns
    -------
    xarray.Dataset
        Along `row`, the last of which is the sum of the others: sifted, errors, qber and visibility by basis, length
        and no_key by bound; of pairs also coincidences, accidentals by singles and window, S and its p-value.
        Attributes window_factor, window_factor_sigma and, where the window contradicts the counts, window_warning.

    Raises
    ------
    ScenarioError, ValueError
        As `read_table`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> data = analyse(load_scenario("counts_example"))
    >>> str(data.row.values[-1]), bool(data.qber.sel(row="all", basis="z") < 0.05)
    ('all', True)
    """
    table = read_table(scenario) if table is None else table
    rows = [*(str(number + 1) for number in range(len(table.duration_s))), ALL]
    data = xr.Dataset(coords={"row": rows, "basis": list(BASES)})
    data["duration"] = variable("row", _with_sum(table.duration_s), "s", "acquisition time")
    of_pulses = isinstance(scenario.source, DecoySource)
    key = _pulses(scenario, table) if of_pulses else _pairs(scenario, table, data)
    for name, text in [
        ("sifted", "bits that become key"),
        ("errors", "errors among them"),
        ("qber", "error rate"),
        ("qber_sigma", "its binomial standard deviation"),
        ("visibility", "visibility of the correlation"),
        ("visibility_sigma", "its standard deviation"),
    ]:
        units = "bit" if name in ("sifted", "errors") else "1"
        data[name] = variable(("row", "basis"), getattr(key, name), units, text)
    bounds = [bound for bound in scenario.proofs if bound in key.length]
    data["length"] = variable(("row", "bound"), np.stack([key.length[b] for b in bounds], axis=1), "bit", "secret key")
    reasons = np.stack([key.no_key[bound] for bound in bounds], axis=1)
    data["no_key"] = variable(("row", "bound"), reasons, "1", "why the proof gives no key")
    data = data.assign_coords(bound=bounds)
    data.attrs |= {"compared_bound": scenario.key.bound, "eps_sec": scenario.key.eps_sec}
    return label(data, "counts", scenario)


def _with_sum(values: np.ndarray) -> np.ndarray:
    """Return the rows with their sum after the last."""
    return np.concatenate([values, values.sum(axis=0, keepdims=True)])


def _pulses(scenario: Counts, table: CountTable) -> CountedKey:
    """Return the key of decoy states."""
    assert table.pulses is not None and isinstance(scenario.source, DecoySource)
    names = ("detections_x", "detections_z", "errors_x", "errors_z", "pulses")
    summed = type(table.pulses)(*(_with_sum(getattr(table.pulses, name)) for name in names))
    return from_counts(
        summed,
        mean_photon_numbers=scenario.source.mu,
        intensity_probabilities=scenario.source.shares,
        key_basis="both",
        key_intensities="signal",
        intensity_fluctuation=scenario.source.intensity_fluctuation,
        returned_photons=scenario.source.returned_photons,
        **_security(scenario),
    )


def _pairs(scenario: Counts, table: CountTable, data: xr.Dataset) -> CountedKey:
    """Add coincidences, accidentals and S of pairs, and return their key."""
    assert table.coincidences is not None
    counts = table.coincidences
    axes = ("row", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    data["counts"] = variable(axes, _with_sum(counts), "1", "coincidences of each pair of detectors")
    data["coincidences"] = data.counts.sum(axes[1:]).assign_attrs(units="1", long_name="coincidences")
    data["measurement"] = variable("row", np.append(table.measurement, -1), "1", "index of the measurement")
    ideal = correlations(scenario)
    sifted = np.zeros((len(counts), 4))
    for index, measurement in enumerate(scenario.measurements):
        own = table.measurement == index
        if measurement.name != "bell":
            pairs = sifted_pairs(counts[own], ideal[index])
            sifted[own] = np.stack([pairs.n_z, pairs.n_x, pairs.errors_z, pairs.errors_x], axis=1)
    names = np.array([measurement.name for measurement in scenario.measurements])[table.measurement]
    wanted = "key" if "key" in names else "state"
    together = np.where((names == wanted)[:, None], sifted, 0).sum(axis=0)
    accidentals = _accidentals(table, data)
    if accidentals is not None:
        found = _window_factor(table, accidentals, sifted)
        data.attrs |= {"window_factor": found.factor, "window_factor_sigma": found.sigma}
        if found.contradicts:
            data.attrs["window_warning"] = _warning(scenario, table, found)
    _bell(scenario, table, names == "bell", ideal, data)
    n_z, n_x, errors_z, errors_x = np.vstack([sifted, together]).T
    return from_counts(PairCounts(n_z, n_x, errors_z, errors_x), **_security(scenario))


def _security(scenario: Counts) -> dict[str, float]:
    """Return the parameters of every proof."""
    key = scenario.key
    return {
        "eps_sec": key.eps_sec,
        "eps_cor": key.eps_cor,
        "f_ec": key.f_ec,
        "efficiency_mismatch": key.efficiency_mismatch,
    }


def correlations(scenario: Counts) -> np.ndarray:
    """Return the correlation of the intended state by measurement and settings, shape (measurement, 2, 2).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> correlations(load_scenario("counts_example")).shape[1:]
    (2, 2)
    """
    assert isinstance(scenario.source, CountedPairs)
    angles = [np.deg2rad(measurement.angles_deg) for measurement in scenario.measurements]
    return np.array([ideal_correlation(scenario.source.bell_state, *pair) for pair in angles])


def _accidentals(table: CountTable, data: xr.Dataset) -> np.ndarray | None:
    """Add singles and expected accidentals where there are singles; return the latter by pair of detectors."""
    if table.singles is None:
        return None
    data["singles"] = variable(
        ("row", "station", "detector"), _with_sum(table.singles), "1", "singles of each detector"
    )
    each = expected_accidentals(table.singles, duration_s=table.duration_s, window_s=table.window_s)
    text = "accidental coincidences by singles and window"
    data["accidentals"] = variable("row", _with_sum(each.sum(axis=(1, 2, 3, 4))), "1", text)
    data["window"] = variable("row", np.append(table.window_s, np.nan), "s", "full width of the coincidence window")
    return each


def _window_factor(table: CountTable, accidentals: np.ndarray, sifted: np.ndarray) -> WindowFactor:
    """Return what accidental coincidences counted with a delay, or else the errors, say about the window."""
    if table.accidentals is not None:
        return ratio_of_accidentals(table.accidentals, accidentals.sum(axis=(1, 2, 3, 4)))
    equal_settings = accidentals[:, [0, 1], [0, 1]].sum(axis=(1, 2, 3))
    return window_factor(sifted[:, 2:].sum(axis=1), sifted[:, :2].sum(axis=1), equal_settings)


def _warning(scenario: Counts, table: CountTable, found: WindowFactor) -> str:
    """Return the sentence on a window that contradicts the counts."""
    stated = "half" if scenario.window_is == "half" else "full"
    width_ns = 1e9 * float(np.mean(table.window_s)) / (2 if stated == "half" else 1)
    if found.factor > 1 and stated == "full":
        way = "if window_ns is the half width, write window_is: half"
    elif found.factor < 1 and stated == "half":
        way = "if window_ns is the full width, write window_is: full"
    else:
        way = "check window_ns, duration_s and the unit of the singles"
    return (
        f"{scenario.path}: there are {found.factor:.2f} ± {found.sigma:.2f} times the accidental coincidences that "
        f"singles and window_ns={width_ns:.3g} ({stated} width) give: {way}"
    )


def _bell(scenario: Counts, table: CountTable, own: np.ndarray, ideal: np.ndarray, data: xr.Dataset) -> None:
    """Add S of the rows of a Bell test, and of all of them together."""
    assert table.coincidences is not None
    if not own.any():
        return
    index = [measurement.name for measurement in scenario.measurements].index("bell")
    signs = np.sign(ideal[index]).astype(int).ravel()  # the intended state fixes them before the first count
    counts = np.where(own[:, None, None, None, None], table.coincidences, 0)
    values = np.full((3, len(own) + 1), np.nan)
    for row, one in enumerate(_with_sum(counts).reshape(-1, 4, 4)):
        if one.any(axis=1).all():
            result = chsh(one, signs=tuple(signs))
            values[:, row] = result.s, result.sigma, result.p_value
    for name, text, column in zip(
        ("s", "s_sigma", "p_value"),
        ("CHSH sum", "its standard deviation", "highest probability under local realism"),
        values,
        strict=True,
    ):
        data[name] = variable("row", column, "1", text)


def results_table(data: xr.Dataset) -> pd.DataFrame:
    """Return the results with one row for each row of the table, and one for all of them.

    Parameters
    ----------
    data : xarray.Dataset
        Result of `analyse`.

    Returns
    -------
    pandas.DataFrame
        Columns row, duration_s, coincidences, accidentals, and by basis sifted_z, errors_z, qber_z, qber_z_sigma,
        visibility_z, visibility_z_sigma; s, s_sigma, p_value where measured; key_<proof> in bits by proof, and no_key,
        the reason of the scenario's proof.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> table = results_table(analyse(load_scenario("counts_example")))
    >>> table[["coincidences", "sifted_z", "errors_z"]].iloc[-1].astype(int).tolist()
    [2455688, 644452, 16947]
    """
    frame = pd.DataFrame({"row": data.row.values, "duration_s": data.duration.values})
    for name in ("coincidences", "accidentals"):
        if name in data:
            frame[name] = data[name].values
    for basis in BASES:
        one = data.sel(basis=basis)
        for name in ("sifted", "errors"):
            frame[f"{name}_{basis}"] = one[name].values.astype(np.int64)
        for name in ("qber", "visibility"):
            frame[f"{name}_{basis}"], frame[f"{name}_{basis}_sigma"] = one[name].values, one[f"{name}_sigma"].values
    for name in ("s", "s_sigma", "p_value"):
        if name in data:
            frame[name] = data[name].values
    for bound in data.bound.values:
        frame[f"key_{bound}"] = data.length.sel(bound=bound).values.astype(np.int64)
    frame["no_key"] = data.no_key.sel(bound=data.attrs["compared_bound"]).values
    return frame


def in_words(data: xr.Dataset) -> str:
    """Return the outcome of all rows together in a few lines, with the window's warning where there is one.

    Parameters
    ----------
    data : xarray.Dataset
        Result of `analyse`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> print(in_words(analyse(load_scenario("counts_example"))))
    12 rows, 48 s; 12 of them give a key by projected by themselves
    QBER in Z: 2.63 ± 0.02 % of 644,452 bit
    QBER in X: 2.65 ± 0.02 % of 584,668 bit
    secret key of all rows by projected: 743,741 bit
    """
    rows, total = data.sizes["row"] - 1, data.sel(row=ALL)
    own = data.attrs["compared_bound"]
    keyed = int((data.length.sel(bound=own).values[:-1] > 0).sum())
    lines = [f"{rows} rows, {float(total.duration):g} s; {keyed} of them give a key by {own} by themselves"]
    for basis in BASES:
        one = total.sel(basis=basis)
        lines.append(
            f"QBER in {basis.upper()}: {100 * float(one.qber):.3g} ± {100 * float(one.qber_sigma):.1g} % "
            f"of {int(one.sifted):,} bit"
        )
    if "s" in data:
        lines.append(f"S = {float(total.s):.3f} ± {float(total.s_sigma):.3f}")
    reason = str(total.no_key.sel(bound=own).values)
    key = f"secret key of all rows by {own}: {int(total.length.sel(bound=own)):,} bit"
    lines.append(f"{key}, {reason}: {REASONS[reason]}" if reason else key)
    return "\n".join([*lines, *filter(None, [data.attrs.get("window_warning")])])


def observables(data: xr.Dataset) -> dict[str, tuple[float | str, str]]:
    """Return the quantities of all rows together: name to (value, unit).

    Parameters
    ----------
    data : xarray.Dataset
        Result of `analyse`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> value, unit = observables(analyse(load_scenario("counts_example")))["qber"]
    >>> round(value, 4)
    0.0264
    """
    total, own = data.sel(row=ALL), data.attrs["compared_bound"]
    sifted = float(total.sifted.sum())
    result: dict[str, tuple[float | str, str]] = {
        "key_length": (float(total.length.sel(bound=own)), "1"),
        "no_key": (str(total.no_key.sel(bound=own).values), "reason"),
        "qber": (float(total.errors.sum()) / sifted if sifted else np.nan, "1"),
        "qber_z": (float(total.qber.sel(basis="z")), "1"),
        "qber_x": (float(total.qber.sel(basis="x")), "1"),
        "sifted_bits": (sifted, "1"),
    }
    if "coincidences" in data:
        result["coincidence_rate"] = (float(total.coincidences / total.duration), "1/s")
    if "s" in data:
        result["chsh_s"] = (float(total.s), "1")
    return result
