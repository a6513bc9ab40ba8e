"""Length of a decoy-state BB84 key with one signal, one weak decoy and one (near-)vacuum intensity.

The last axis of every array by intensity is (signal, decoy, vacuum); leading axes broadcast, so that a sweep is one
call. Key from one basis takes its phase error from the other. The finite-key proofs hold for each key by itself: the
keys of two bases together are secret and correct up to twice the failure probabilities stated.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from satqkd.key.entropy import (
    binary_entropy,
    check_errors,
    check_range,
    check_security,
    chernoff_lower,
    chernoff_thinned,
    chernoff_upper,
    error_rate,
    hoeffding_deviation,
    hoeffding_thinned,
    leak_ec_bits,
    named_bound,
)

_KEY_BASES = {"x": ("x",), "z": ("z",), "both": ("x", "z")}
_KEY_INTENSITIES = ("all", "signal")
_ROUNDING = 1e-9


@dataclass(frozen=True)
class DecoyCounts:
    """What was counted, by basis and intensity; shape (..., 3), signal, decoy, vacuum.

    Attributes
    ----------
    detections_x, detections_z : array_like
        Sifted events in which both sides chose X, or Z.
    errors_x, errors_z : array_like
        Errors among them.
    pulses : array_like, optional
        Pulses sent at each intensity, whatever their basis; only bounds that work with gains need them.

    Raises
    ------
    ValueError
        When the last axis is not 3, or errors exceed detections.
    """

    detections_x: np.ndarray
    detections_z: np.ndarray
    errors_x: np.ndarray
    errors_z: np.ndarray
    pulses: np.ndarray | None = None

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _by_intensity(field.name, value))
        for basis in ("x", "z"):
            names = (f"errors_{basis}", f"detections_{basis}")
            check_errors(errors=getattr(self, names[0]), detections=getattr(self, names[1]), names=names)


@dataclass(frozen=True)
class DecoyBasisKey:
    """Account of the key from one basis; arrays over the sweep.

    Attributes
    ----------
    n_sifted : array_like
        Sifted bits that become key.
    qber : array_like
        Their error rate.
    vacuum_events : array_like
        Lower bound on those of them that left the source without a photon.
    single_photons : array_like
        Lower bound on those that left it as a single photon.
    single_photons_sample, single_photon_errors_sample : array_like
        Lower bound on the single photons of the other basis, and upper bound on the errors among them.
    phase_error : array_like
        Upper bound on the phase error rate of `single_photons`, at most one half.
    leak_ec, security : array_like
        Price of error correction and of the failure probabilities [bit].
    unfloored : array_like
        vacuum_events + single_photons [1 - h(phase_error)] - leak_ec - security [bit].
    length : array_like
        The same, not below 0.
    """

    n_sifted: np.ndarray
    qber: np.ndarray
    vacuum_events: np.ndarray
    single_photons: np.ndarray
    single_photons_sample: np.ndarray
    single_photon_errors_sample: np.ndarray
    phase_error: np.ndarray
    leak_ec: np.ndarray
    security: np.ndarray
    unfloored: np.ndarray
    length: np.ndarray


@dataclass(frozen=True)
class DecoyKey:
    """Length of the key under one bound, and the account of each basis that gives key.

    Attributes
    ----------
    bound : str
        Name of the proof.
    x, z : DecoyBasisKey or None
        Key from the basis; None where that basis serves as sample only.
    """

    bound: str
    x: DecoyBasisKey | None
    z: DecoyBasisKey | None

    @property
    def length(self):
        """Secret bits of all bases that give key; a basis without key adds nothing."""
        return sum(key.length for key in (self.x, self.z) if key is not None)

    @property
    def leak_ec(self):
        """Bits disclosed by error correction in all bases that give key."""
        return sum(key.leak_ec for key in (self.x, self.z) if key is not None)


def _by_intensity(name, value):
    """Array of floats whose last axis is the intensity."""
    array = np.asarray(value, dtype=float)
    if array.shape[-1:] != (3,):
        raise ValueError(
            f"{name} has shape {array.shape}, not (..., 3): give signal, decoy and vacuum on the last axis"
        )
    return array


def pool_bases(counts):
    """Counts with both bases taken as one, for experiments that treat X and Z alike.

    Parameters
    ----------
    counts : DecoyCounts

    Returns
    -------
    DecoyCounts
        X and Z each hold the sum; take the key from one of them.

    Notes
    -----
    The convention of symmetric experiments: the error rate of the whole sifted key stands for its phase error rate.
    The sum of two keys (``key_basis="both"``) assumes no symmetry and is shorter, since each sample is half as large.
    """
    detections, errors = counts.detections_x + counts.detections_z, counts.errors_x + counts.errors_z
    return DecoyCounts(detections, detections, errors, errors, counts.pulses)


def photon_number_probability(photons, *, mean_photon_numbers, intensity_probabilities):
    r"""Probability that a pulse of any intensity holds 0 or 1 photons, :math:`\tau_n = \sum_k p_k e^{-k} k^n / n!`.

    Parameters
    ----------
    photons : {0, 1}
        Number n.
    mean_photon_numbers, intensity_probabilities : sequence of three array_like
        Signal, decoy, vacuum.

    Returns
    -------
    ndarray or float

    Notes
    -----
    Lim et al., Phys. Rev. A 89, 022307 (2014), below Eq. (2).
    """
    pairs = zip(mean_photon_numbers, intensity_probabilities, strict=True)
    return sum(p * np.exp(-mu) * mu**photons for mu, p in pairs)


def _photon_share(photons, mu, p):
    """Probability that a pulse of so many photons was a signal pulse."""
    tau = photon_number_probability(photons, mean_photon_numbers=mu, intensity_probabilities=p)
    return p[0] * np.exp(-mu[0]) * mu[0] ** photons / tau


def vacuum_events(lower, upper, *, mean_photon_numbers, intensity_probabilities):
    r"""Lower bound on the detections of empty pulses.

    :math:`s_0 = \tau_0 (\mu_2 n_3^- - \mu_3 n_2^+) / (\mu_2 - \mu_3)`, not below 0.

    Parameters
    ----------
    lower, upper : sequence of three array_like
        Bounds :math:`n_k^\pm` on the counts, each times :math:`e^{\mu_k} / p_k`.
    mean_photon_numbers, intensity_probabilities : sequence of three array_like
        Signal, decoy, vacuum.

    Returns
    -------
    ndarray or float
        Events.

    Notes
    -----
    Eq. (2) of Lim et al., Phys. Rev. A 89, 022307 (2014).
    """
    mu = mean_photon_numbers
    tau_0 = photon_number_probability(0, mean_photon_numbers=mu, intensity_probabilities=intensity_probabilities)
    return np.maximum(tau_0 * (mu[1] * lower[2] - mu[2] * upper[1]) / (mu[1] - mu[2]), 0.0)


def single_photon_events(lower, upper, *, vacuum, mean_photon_numbers, intensity_probabilities):
    r"""Lower bound on the detections of single photons, not below 0.

    .. math:: s_1 = \frac{\tau_1 \mu_1 [n_2^- - n_3^+ - (\mu_2^2 - \mu_3^2)(n_1^+ - s_0/\tau_0) / \mu_1^2]}
                         {\mu_1 (\mu_2 - \mu_3) - \mu_2^2 + \mu_3^2}

    Parameters
    ----------
    lower, upper, mean_photon_numbers, intensity_probabilities
        As in `vacuum_events`.
    vacuum : array_like
        Its result.

    Returns
    -------
    ndarray or float
        Events.

    Notes
    -----
    Eq. (3) of Lim et al., Phys. Rev. A 89, 022307 (2014).
    """
    mu, p = mean_photon_numbers, intensity_probabilities
    tau_0, tau_1 = (photon_number_probability(n, mean_photon_numbers=mu, intensity_probabilities=p) for n in (0, 1))
    squares = mu[1] ** 2 - mu[2] ** 2
    multiphoton = squares / mu[0] ** 2 * (upper[0] - vacuum / tau_0)
    bound = tau_1 * mu[0] * (lower[1] - upper[2] - multiphoton) / (mu[0] * (mu[1] - mu[2]) - squares)
    return np.maximum(bound, 0.0)


def single_photon_errors(lower, upper, *, mean_photon_numbers, intensity_probabilities):
    r"""Upper bound on the errors of single photons, :math:`\tau_1 (m_2^+ - m_3^-) / (\mu_2 - \mu_3)`, not below 0.

    Parameters
    ----------
    lower, upper : sequence of three array_like
        Bounds :math:`m_k^\pm` on the errors, each times :math:`e^{\mu_k} / p_k`.
    mean_photon_numbers, intensity_probabilities
        As in `vacuum_events`.

    Returns
    -------
    ndarray or float
        Errors; may exceed all errors that were seen, which is then the better bound.

    Notes
    -----
    Eq. (4) of Lim et al., Phys. Rev. A 89, 022307 (2014).
    """
    mu = mean_photon_numbers
    tau_1 = photon_number_probability(1, mean_photon_numbers=mu, intensity_probabilities=intensity_probabilities)
    return np.maximum(tau_1 * (upper[1] - lower[2]) / (mu[1] - mu[2]), 0.0)


def sampling_deviation(error_rate, *, n_sample, n_key, eps_sec, terms=21):
    r"""Random sampling term of the phase error rate.

    :math:`\gamma(a, b, c, d) = \sqrt{\frac{(c+d)(1-b)b}{c d \ln 2} \log_2 \frac{(c+d)\, 21^2}{c d (1-b) b\, a^2}}`.

    Parameters
    ----------
    error_rate : array_like
        Error rate b of the sample.
    n_sample, n_key : array_like
        Single photons c in the sample and d in the key.
    eps_sec : array_like
        Secrecy a.
    terms : int
        Failure probabilities that share eps_sec; Lim et al. have 21.

    Returns
    -------
    ndarray or float
        Deviation; infinite without sample or key, 0 for an error rate of 0.

    Notes
    -----
    Eq. (5) of Lim et al., Phys. Rev. A 89, 022307 (2014).
    """
    variance = np.asarray(error_rate) * (1.0 - np.asarray(error_rate))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = variance * (np.add(n_sample, n_key) / np.multiply(n_sample, n_key))
        # x log(1/x) tends to 0 with the error rate, though the logarithm by itself does not exist there.
        logarithm = np.log(spread * (terms / (variance * eps_sec)) ** 2) / np.log(2.0) ** 2
        deviation = np.where(variance > 0.0, np.sqrt(spread * np.maximum(logarithm, 0.0)), 0.0)
    return np.where(np.minimum(n_sample, n_key) > 0.0, deviation, np.inf)[()]


def _hoeffding_limits(counts, eps):
    """Limits on the expectation of each intensity's count, given their sum."""
    deviation = hoeffding_deviation(sum(counts), eps)
    return [count - deviation for count in counts], [count + deviation for count in counts]


def _chernoff_limits(counts, eps):
    return [chernoff_lower(count, eps) for count in counts], [chernoff_upper(count, eps) for count in counts]


def _equal_limits(counts, eps):
    return counts, counts


def _equal_thinned(n, share, eps):
    return share * n


@dataclass(frozen=True)
class _Tail:
    limits: Callable
    thinned: Callable
    finite: bool


def _lim_key(tail, *, key, key_errors, sample, sample_errors, mu, p, eps_sec, eps_cor, f_ec, signal_only, **_):
    """Key from one basis after Lim et al., Phys. Rev. A 89, 022307 (2014), Eqs. (1) to (5)."""
    # Key from the signal alone needs two more estimates: its part of the empty pulses and of the single photons.
    terms = 23 if signal_only else 21
    eps = eps_sec / terms
    intensities = {"mean_photon_numbers": mu, "intensity_probabilities": p}

    def weighted(counts):
        limits = tail.limits(counts, eps)
        return [[np.exp(mu[k]) / p[k] * side[k] for k in range(3)] for side in limits]

    def photons(counts):
        limits = weighted(counts)
        vacuum = vacuum_events(*limits, **intensities)
        return vacuum, single_photon_events(*limits, vacuum=vacuum, **intensities)

    vacuum, single = photons(key)
    _, single_sample = photons(sample)
    # The errors of single photons are some of the errors seen: a bound above all of them is replaced by their number.
    errors = np.minimum(single_photon_errors(*weighted(sample_errors), **intensities), sum(sample_errors))
    if signal_only:
        vacuum = tail.thinned(vacuum, _photon_share(0, mu, p), eps)
        single = tail.thinned(single, _photon_share(1, mu, p), eps)
    ratio = np.minimum(error_rate(errors, single_sample), 0.5)
    if tail.finite:
        deviation = sampling_deviation(ratio, n_sample=single_sample, n_key=single, eps_sec=eps_sec, terms=terms)
        security = 6.0 * np.log2(terms / eps_sec) + np.log2(2.0 / eps_cor)
    else:
        deviation, security = 0.0, 0.0
    n_sifted, n_errors = (key[0], key_errors[0]) if signal_only else (sum(key), sum(key_errors))
    return _account(
        n_sifted=n_sifted,
        n_errors=n_errors,
        vacuum_events=vacuum,
        single_photons=single,
        single_photons_sample=single_sample,
        single_photon_errors_sample=errors,
        phase_error=np.minimum(ratio + deviation, 0.5),
        f_ec=f_ec,
        security=security,
    )


def _account(*, n_sifted, n_errors, phase_error, f_ec, security, **events):
    """Add up the length; Eq. (1) of Lim et al."""
    qber = np.minimum(error_rate(n_errors, n_sifted), 0.5)
    leak_ec = leak_ec_bits(n_sifted, qber, f_ec=f_ec)
    secret = events["vacuum_events"] + events["single_photons"] * (1.0 - binary_entropy(phase_error))
    unfloored = secret - leak_ec - security
    return DecoyBasisKey(
        n_sifted=n_sifted,
        qber=qber,
        phase_error=phase_error,
        leak_ec=leak_ec,
        security=security,
        unfloored=unfloored,
        length=np.maximum(unfloored, 0.0),
        **events,
    )


def _check_gains(pulses, mu, signal_only):
    """Refuse what the gains of `_vacuum_weak_key` cannot be formed from."""
    if pulses is None:
        raise ValueError("bound='tiangong2' works with gains, but pulses=None: give the pulses sent at each intensity")
    check_range(1.0, np.finfo(float).max, "give the pulses sent at each intensity", pulses=np.stack(pulses))
    if not signal_only:
        raise ValueError("key_intensities='all' is not defined for bound='tiangong2': give key_intensities='signal'")
    if np.any(mu[2] != 0.0):
        raise ValueError(f"the vacuum has {np.max(mu[2]):g} photons, not 0: bound='tiangong2' takes a true vacuum only")


def _vacuum_weak_key(*, key, key_errors, sample, sample_errors, pulses, mu, eps_sec, f_ec, signal_only, **_):
    r"""Key from the signal pulses with gains and n-sigma fluctuations; Ma et al., Phys. Rev. A 72, 012326 (2005).

    :math:`R = Q_1 [1 - h(e_1)] - I_{ec}` per signal pulse, without credit for empty pulses.
    """
    _check_gains(pulses, mu, signal_only)
    # The Gaussian tail exp(-s^2/2): 1e-5 makes 4.8, beside the "about 5 standard deviations" printed with it.
    sigmas = np.sqrt(-2.0 * np.log(eps_sec))

    def gain(counts, k, side):
        return np.maximum(counts[k] + side * sigmas * np.sqrt(counts[k]), 0.0) / pulses[k]

    def single_yield(counts):
        multiphoton = gain(counts, 0, +1) * np.exp(mu[0]) * (mu[1] / mu[0]) ** 2
        empty = (1.0 - (mu[1] / mu[0]) ** 2) * gain(counts, 2, +1)
        bound = mu[0] / (mu[0] * mu[1] - mu[1] ** 2) * (gain(counts, 1, -1) * np.exp(mu[1]) - multiphoton - empty)
        return np.maximum(bound, 0.0)

    single_signal = pulses[0] * mu[0] * np.exp(-mu[0])
    single_sample = single_signal * single_yield(sample)
    empty_errors = 0.5 * gain(sample, 2, -1)
    errors = pulses[0] * np.maximum(gain(sample_errors, 0, +1) - empty_errors * np.exp(-mu[0]), 0.0)
    return _account(
        n_sifted=key[0],
        n_errors=key_errors[0],
        vacuum_events=np.zeros_like(key[0]),
        single_photons=single_signal * single_yield(key),
        single_photons_sample=single_sample,
        single_photon_errors_sample=errors,
        phase_error=np.minimum(error_rate(errors, single_sample), 0.5),
        f_ec=f_ec,
        security=0.0,
    )


_BOUNDS = {
    "lim2014": partial(_lim_key, _Tail(_hoeffding_limits, hoeffding_thinned, finite=True)),
    "chernoff": partial(_lim_key, _Tail(_chernoff_limits, chernoff_thinned, finite=True)),
    "asymptotic": partial(_lim_key, _Tail(_equal_limits, _equal_thinned, finite=False)),
    "tiangong2": _vacuum_weak_key,
}


def _columns(array):
    """Signal, decoy and vacuum as three contiguous arrays; None stays None."""
    return array if array is None else [array[..., k].copy()[()] for k in range(3)]


def _check_intensities(mu, p):
    """Refuse intensities for which the decoy equations do not hold."""
    check_range(_ROUNDING, 1.0, "each intensity must be sent sometimes", intensity_probabilities=np.stack(p))
    total = sum(p)
    if np.any(np.abs(total - 1.0) > 1e-6):
        raise ValueError(
            f"intensity_probabilities add up to {np.ravel(total)[0]:g}, not 1: give all three, as fractions"
        )
    if np.any(mu[2] < 0.0) or np.any(mu[1] <= mu[2]) or np.any(mu[0] <= mu[1] + mu[2]):
        raise ValueError(
            f"mean_photon_numbers={[float(np.ravel(m)[0]) for m in mu]} are not in order: "
            "give signal > decoy + vacuum and decoy > vacuum >= 0"
        )


def _corners(mu, fluctuation):
    """Mean photon numbers at the corners of the box that the fluctuation allows."""
    if np.all(np.asarray(fluctuation) == 0.0):
        return [mu]
    signs = [(signal, decoy) for signal in (-1.0, 1.0) for decoy in (-1.0, 1.0)]
    return [[mu[0] * (1.0 + s * fluctuation), mu[1] * (1.0 + d * fluctuation), mu[2]] for s, d in signs]


def _shortest(keys):
    """Account of the shortest key, point by point."""
    if len(keys) == 1:
        return keys[0]
    worst = np.argmin([key.unfloored for key in keys], axis=0)

    def chosen(name):
        values = np.broadcast_arrays(worst, *(getattr(key, name) for key in keys))[1:]
        return np.choose(worst, values)[()]

    return DecoyBasisKey(**{field.name: chosen(field.name) for field in fields(DecoyBasisKey)})


def decoy_key_length(
    *,
    counts,
    mean_photon_numbers,
    intensity_probabilities,
    eps_sec,
    eps_cor,
    f_ec,
    bound,
    key_basis="x",
    key_intensities="all",
    intensity_fluctuation=0.0,
):
    """Secret key length of decoy-state BB84 with signal, weak decoy and vacuum.

    Parameters
    ----------
    counts : DecoyCounts
        Arrays of shape (..., 3).
    mean_photon_numbers, intensity_probabilities : array_like, shape (..., 3)
        Signal, decoy, vacuum.
    eps_sec, eps_cor : array_like
        Failure probabilities of secrecy and correctness, of the key of each basis. For "tiangong2" eps_sec is the
        failure probability of each estimate and eps_cor is not used.
    f_ec : array_like
        Inefficiency of error correction.
    bound : {"lim2014", "chernoff", "asymptotic", "tiangong2"}
        Proof, see the notes.
    key_basis : {"x", "z", "both"}
        Basis that gives key; the other one is the sample. "both" adds the key of X and the key of Z, each with the
        phase error from the other. See `pool_bases` for the third convention.
    key_intensities : {"all", "signal"}
        Intensities whose sifted bits become key.
    intensity_fluctuation : array_like
        Largest relative error of the signal's and the decoy's mean photon number, constant over the session. The key
        is the shortest over the corners of that box; the vacuum is taken as stated.

    Returns
    -------
    DecoyKey
        Broadcast over all leading axes.

    Raises
    ------
    ValueError
        For an unknown name, intensities out of order, or parameters out of range.

    Notes
    -----
    "lim2014": Lim, Curty, Walenta, Xu, Zbinden, Phys. Rev. A 89, 022307 (2014). One sound addition, which only
    lengthens the key: the single-photon errors never exceed all errors seen. Lower limits of single counts may be
    negative and are carried on as they are, which is sound too; to raise them to 0 would be tighter.
    "chernoff": the same with the deviation of each count by itself, see `satqkd.key.entropy.chernoff_lower`.
    "asymptotic": the same equations without any deviation.
    "tiangong2": vacuum and weak decoy as in Ma, Qi, Zhao, Lo, Phys. Rev. A 72, 012326 (2005), signal pulses only,
    every gain sqrt(2 ln(1/eps_sec)) Gaussian standard deviations to the bad side; not for counts of a few events, and
    with no composable secrecy.
    With ``key_intensities="signal"`` the signal's part of the single photons is a binomial draw with the known
    probability that a single photon came from a signal pulse; it is bounded with the same tail.
    """
    key_under = named_bound(_BOUNDS, bound)
    check_security(eps_sec=eps_sec, eps_cor=eps_cor, f_ec=f_ec)
    check_range(0.0, 0.5, "give a fraction, not percent", intensity_fluctuation=intensity_fluctuation)
    for name, value, known in (
        ("key_basis", key_basis, _KEY_BASES),
        ("key_intensities", key_intensities, _KEY_INTENSITIES),
    ):
        if value not in known:
            raise ValueError(f"{name}={value!r} is unknown: choose one of {', '.join(known)}")
    mu = _columns(_by_intensity("mean_photon_numbers", mean_photon_numbers))
    p = _columns(_by_intensity("intensity_probabilities", intensity_probabilities))
    corners = _corners(mu, np.asarray(intensity_fluctuation, dtype=float))
    for corner in corners:
        _check_intensities(corner, p)
    columns = {field.name: _columns(getattr(counts, field.name)) for field in fields(counts)}

    def key(basis, corner):
        other = "z" if basis == "x" else "x"
        return key_under(
            key=columns[f"detections_{basis}"],
            key_errors=columns[f"errors_{basis}"],
            sample=columns[f"detections_{other}"],
            sample_errors=columns[f"errors_{other}"],
            pulses=columns["pulses"],
            mu=corner,
            p=p,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
            f_ec=f_ec,
            signal_only=key_intensities == "signal",
        )

    keys = {basis: _shortest([key(basis, corner) for corner in corners]) for basis in _KEY_BASES[key_basis]}
    return DecoyKey(bound, keys.get("x"), keys.get("z"))
