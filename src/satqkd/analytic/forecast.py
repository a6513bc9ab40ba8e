"""Forecast of passes: expected counts, error rate and secret bits, with their standard deviations.

All passes of a link are computed at once. The standard deviation of a key length is

    sigma^2 = sum_i ((L(n + s_i) - L(n - s_i)) / 2)^2,

over independent disturbances s_i of the counts n: the Poisson deviation of each count, and fading, which moves all
photons of a pass together. It does not include what is not known of the link, such as the extinction of that night.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from satqkd.analytic.expected import pair_rates, pulse_rates, right_and_wrong
from satqkd.bench import still_orbit
from satqkd.channel import link_budget
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.key import DecoyCounts, bbm92_key_length, decoy_key_length
from satqkd.key.proofs.bbm92 import Bbm92Key
from satqkd.key.proofs.decoy import DecoyKey
from satqkd.key.proofs.reasons import no_key_reason
from satqkd.result import Result
from satqkd.scenario import Scenario
from satqkd.scenario.mission import DecoySource


@dataclass(frozen=True, repr=False)
class Counts(Result):
    """Expected counts of passes.

    Attributes
    ----------
    mean : ndarray, shape (pass, basis, 2) or (pass, basis, 2, intensity)
        Right and wrong sifted bits, in Z and in X.
    photons : ndarray of the same shape
        Those of them that come from the satellite, without noise.
    fading : ndarray, shape (pass,)
        Relative standard deviation of `photons` by scintillation and pointing [1].
    duration_s : ndarray, shape (pass,)
        Open link [s].
    """

    mean: np.ndarray
    photons: np.ndarray
    fading: np.ndarray
    duration_s: np.ndarray

    @property
    def faded(self) -> np.ndarray:
        """Return what one standard deviation of fading adds to all counts of a pass at once, of the shape of `mean`."""
        return self.photons * self.fading.reshape(-1, *[1] * (self.photons.ndim - 1))

    def sifted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the sifted bits that become key, and their standard deviation; each shape (pass,)."""
        bits, faded = (_for_key(counts).sum(axis=1) for counts in (self.mean, self.faded))
        return bits, np.sqrt(bits + faded**2)

    def qber(self) -> tuple[np.ndarray, np.ndarray]:
        """Return their error rate [1], and its binomial standard deviation; each shape (pass,), nan without bits."""
        bits = _for_key(self.mean)
        sifted = bits.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            qber = bits[:, 1] / sifted
            return qber, np.sqrt(qber * (1 - qber) / sifted)


def expected_counts(
    scenario: Scenario, *, range_m: np.ndarray, elevation_deg: np.ndarray, weights_s: np.ndarray
) -> Counts:
    """Return the expected counts of passes, all of whose open time is for the key.

    Parameters
    ----------
    scenario : Scenario
        With the stations of the link.
    range_m, elevation_deg : ndarray, shape (pass, node, station)
        At the nodes of a quadrature in time [m, degree].
    weights_s : ndarray, shape (pass, node)
        Weights of the nodes [s], which add up to the duration of the open link.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> counts = expected_counts(
    ...     load_scenario("liao2017"),
    ...     range_m=np.full((1, 1, 1), 8e5),
    ...     elevation_deg=np.full((1, 1, 1), 40.0),
    ...     weights_s=np.full((1, 1), 60.0),
    ... )
    >>> counts.mean.shape, counts.duration_s.tolist()
    ((1, 2, 2, 3), [60.0])
    """
    return counts_through(
        scenario, link_budget(scenario, orbit_at(scenario, range_m=range_m, elevation_deg=elevation_deg)), weights_s
    )


def counts_through(scenario: Scenario, channel: xr.Dataset, weights_s: np.ndarray) -> Counts:
    """Return the expected counts of passes through a known channel.

    Parameters
    ----------
    scenario : Scenario
    channel : xarray.Dataset
        Result of stage 2, at the nodes of one pass after the other.
    weights_s : ndarray, shape (pass, node)
        As in `expected_counts`.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> from satqkd.channel import link_budget
    >>> mission = load_scenario("liao2017")
    >>> channel = link_budget(mission, orbit.find_sessions(mission))
    >>> counts = counts_through(mission, channel, np.ones((1, channel.sizes["time"])))
    >>> counts.mean.shape, bool(counts.fading < 0.1)
    ((1, 2, 2, 3), True)
    """
    passes, nodes = weights_s.shape
    transmittance = channel.transmittance.values
    photons = _rates(scenario, transmittance), _rates(scenario, np.zeros_like(transmittance))
    mean, noise = (
        np.einsum("...pn,pn->p...", rates.reshape(*rates.shape[:-1], passes, nodes), weights_s) for rates in photons
    )
    total = transmittance.prod(axis=1).reshape(passes, nodes) * weights_s
    variance = ((1 + channel.fading_variance.values).prod(axis=1) - 1).reshape(passes, nodes)
    coherence_s = _coherence_s(scenario, channel).reshape(passes, nodes)
    # The power keeps its value for the coherence time: so a node averages that many independent values.
    cells = np.maximum(weights_s / coherence_s, 1.0)
    whole = total.sum(axis=1)
    fading = np.sqrt((total**2 * variance / cells).sum(axis=1)) / np.where(whole > 0.0, whole, 1.0)
    return Counts(mean, mean - noise, fading, weights_s.sum(axis=1))


def _coherence_s(scenario: Scenario, channel: xr.Dataset) -> np.ndarray:
    """Return the time in which the fading has one independent value, shape (time,) [s].

    A mean over a long time T of a value with the exponential correlation exp(-t/tau) has the variance of T / (2 tau)
    independent ones; of several causes, the one with the larger variance counts for more.
    """
    if scenario.channel.fading == "cells":
        return np.full(channel.sizes["time"], 1e-3 * scenario.channel.fading_coherence_ms)
    causes = ("scintillation", "pointing")
    variance = np.stack([channel[f"{cause}_variance"].values for cause in causes])
    time_s = np.stack([channel[f"{cause}_time"].values for cause in causes])
    whole = np.maximum(variance.sum(axis=(0, 2)), 1e-30)
    return (2 * time_s * variance).sum(axis=(0, 2)) / whole


def key_length(scenario: Scenario) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the secret bits by the scenario's proof, as a function of counts, of the shape of `Counts.mean`, and time.

    The function takes any leading axes; the time is that of the open link [s].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> length = key_length(load_scenario("yin2020"))
    >>> length(np.array([[[900.0, 20.0], [800.0, 20.0]]]), np.array([1000.0])).round()
    array([361.])
    """
    key = key_account(scenario, scenario.key.bound)
    return lambda counts, duration_s: key(counts, duration_s).length


def no_key(scenario: Scenario, counts: Counts) -> list[str]:
    """Return why each pass by itself is expected to give no key, one of `satqkd.key.proofs.reasons.REASONS`, or "".

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission, mean = load_scenario("yin2020"), np.array([[[900.0, 20.0], [800.0, 20.0]]])
    >>> counts = Counts(mean, mean, fading=np.array([0.1]), duration_s=np.array([1000.0]))
    >>> no_key(mission, counts)
    ['']
    """
    mine, plain = (
        key_account(scenario, bound)(counts.mean, counts.duration_s) for bound in (scenario.key.bound, "asymptotic")
    )
    if isinstance(plain, DecoyKey):
        assert plain.z is not None and plain.x is not None
        bits, single_photons = counts.mean[..., 0], plain.z.single_photons + plain.x.single_photons
    else:
        bits, single_photons = counts.mean, np.full(len(counts.mean), np.inf)
    return [
        no_key_reason(length=length, asymptotic=asymptotic, sifted=sifted, errors=wrong, single_photons=photons)
        for length, asymptotic, sifted, wrong, photons in zip(
            mine.length, plain.length, bits.sum(axis=2), bits[:, :, 1], single_photons, strict=True
        )
    ]


def key_account(scenario: Scenario, bound: str) -> Callable[[np.ndarray, np.ndarray], Bbm92Key | DecoyKey]:
    """Return the account of the key by a proof, as a function of counts and duration, as `key_length` takes them.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> account = key_account(load_scenario("yin2020"), "asymptotic")
    >>> account(np.array([[[900.0, 20.0], [800.0, 20.0]]]), np.array([1000.0])).leak_ec.round()
    array([319.])
    """
    key, source = scenario.key, scenario.source

    def of_pulses(counts: np.ndarray, duration_s: np.ndarray) -> DecoyKey:
        assert isinstance(source, DecoySource)
        (z, x), (wrong_z, wrong_x) = (np.moveaxis(part, -2, 0) for part in _sifted_and_wrong(counts, -2))
        pulses = source.pulse_rate_hz * source.shares * np.asarray(duration_s)[..., None]
        return decoy_key_length(
            counts=DecoyCounts(
                detections_z=z, detections_x=x, errors_z=wrong_z, errors_x=wrong_x, pulses=np.maximum(pulses, 1.0)
            ),
            mean_photon_numbers=source.mu,
            intensity_probabilities=source.shares,
            eps_sec=key.eps_sec,
            eps_cor=key.eps_cor,
            f_ec=key.f_ec,
            bound=bound,
            key_basis="both",
            key_intensities="signal",
            intensity_fluctuation=source.intensity_fluctuation,
            returned_photons=source.returned_photons,
            efficiency_mismatch=key.efficiency_mismatch,
        )

    def of_pairs(counts: np.ndarray, duration_s: np.ndarray) -> Bbm92Key:
        (z, x), (wrong_z, wrong_x) = (np.moveaxis(part, -1, 0) for part in _sifted_and_wrong(counts, -1))
        return bbm92_key_length(
            n_z=z,
            n_x=x,
            errors_z=wrong_z,
            errors_x=wrong_x,
            eps_sec=key.eps_sec,
            eps_cor=key.eps_cor,
            f_ec=key.f_ec,
            bound=bound,
            efficiency_mismatch=key.efficiency_mismatch,
        )

    return of_pulses if isinstance(source, DecoySource) else of_pairs


def secret_bits(scenario: Scenario, counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Return the secret bits of each pass by itself under clear sky, and their standard deviation; each shape (pass,).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission, mean = load_scenario("yin2020"), np.array([[[900.0, 20.0], [800.0, 20.0]]])
    >>> counts = Counts(mean, mean, fading=np.array([0.1]), duration_s=np.array([1000.0]))
    >>> [part.round() for part in secret_bits(mission, counts)]
    [array([361.]), array([100.])]
    """
    length = key_length(scenario)
    shifts = np.concatenate([_poisson(counts.mean, counts), counts.faded[None]])
    return length(counts.mean, counts.duration_s), np.sqrt(_variance(length, counts.mean, counts.duration_s, shifts))


def pooled_secret_bits(scenario: Scenario, counts: Counts, clear_probability: float) -> tuple[float, float]:
    """Return the secret bits of all clear passes distilled together, and their standard deviation, weather included.

    Notes
    -----
    The key is that of the expected total of the counts. Each pass is clear with a probability p, independently of the
    others, so that it adds p (1 - p) (L(with it) - L(without it))^2 to the variance.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission, mean = load_scenario("yin2020"), np.array([[[900.0, 20.0], [800.0, 20.0]]])
    >>> counts = Counts(mean, mean, fading=np.array([0.1]), duration_s=np.array([1000.0]))
    >>> [round(part) for part in pooled_secret_bits(mission, counts, 0.9)]
    [283, 143]
    """
    length, p = key_length(scenario), clear_probability
    total, duration_s = p * counts.mean.sum(axis=0), p * counts.duration_s.sum()
    shifts = np.concatenate([_poisson(total, counts), np.sqrt(p) * counts.faded])
    each = np.maximum(total - p * counts.mean, 0.0), np.maximum(duration_s - p * counts.duration_s, 0.0)
    change = length(each[0] + counts.mean, each[1] + counts.duration_s) - length(*each)
    variance = _variance(length, total, duration_s, shifts) + p * (1 - p) * np.sum(change**2)
    return float(length(total, duration_s)), float(np.sqrt(variance))


def _rates(scenario: Scenario, transmittance: np.ndarray) -> np.ndarray:
    """Return right and wrong sifted bits [1/s], shape (basis, 2, time) or (basis, 2, intensity, time)."""
    source = scenario.source
    if isinstance(source, DecoySource):
        return pulse_rates(scenario, transmittance[:, 0]) * (source.pulse_rate_hz * source.shares[:, None])
    named = {measurement.name: measurement for measurement in scenario.measurements}
    angles_deg = (named.get("key") or named["state"]).angles_deg
    true, accidental = pair_rates(scenario, transmittance, angles_deg=angles_deg)
    return right_and_wrong(true + accidental, ideal_correlation(source.bell_state, *np.deg2rad(angles_deg)))


def _for_key(counts: np.ndarray) -> np.ndarray:
    """Return right and wrong bits of both bases that become key, shape (pass, 2); of pulses those of the signal."""
    return (counts[..., 0] if counts.ndim == 4 else counts).sum(axis=1)


def _sifted_and_wrong(counts: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all sifted bits, and the wrong ones among them, from an axis of right and wrong."""
    wrong = np.take(counts, 1, axis)
    return np.take(counts, 0, axis) + wrong, wrong


def _poisson(mean: np.ndarray, counts: Counts) -> np.ndarray:
    """Return, for each count of a pass, the disturbance that moves it alone by its Poisson deviation."""
    one = counts.mean.shape[1:]
    each = np.eye(int(np.prod(one))).reshape(-1, *[1] * (mean.ndim - len(one)), *one)
    return each * np.sqrt(mean)


def _variance(length: Callable, mean: np.ndarray, duration_s: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the variance of a key length under disturbances of the counts, as at the top of this module."""
    high, low = length(mean + shifts, duration_s), length(np.maximum(mean - shifts, 0.0), duration_s)
    return np.sum(((high - low) / 2) ** 2, axis=0)


def orbit_at(scenario: Scenario, *, range_m: np.ndarray, elevation_deg: np.ndarray) -> xr.Dataset:
    """Return what stage 2 needs of a result of stage 1, for all nodes of one pass after the other.

    Parameters
    ----------
    scenario : Scenario
        With the stations of the link.
    range_m, elevation_deg : ndarray, shape (pass, node, station)

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> nodes = np.ones((2, 3, 1))
    >>> orbit_at(load_scenario("liao2017"), range_m=8e5 * nodes, elevation_deg=40 * nodes).sizes["time"]
    6
    """
    passes, nodes, stations = range_m.shape
    return still_orbit(
        [station.name for station in scenario.stations],
        np.zeros(passes * nodes),
        session_number=np.repeat(np.arange(passes), nodes),
        range_m=range_m.reshape(-1, stations),
        elevation_deg=elevation_deg.reshape(-1, stations),
    )
