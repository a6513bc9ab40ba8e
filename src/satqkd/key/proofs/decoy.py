"""Length of a decoy-state BB84 key with one signal, one weak decoy and one (near-)vacuum intensity, or without vacuum.

The last axis of every array by intensity is (signal, decoy, vacuum); leading axes broadcast, so that a sweep is one
call. Key from one basis takes its phase error from the other. The finite-key proofs hold for each key by itself: the
keys of two bases together are secret and correct up to twice the failure probabilities stated. The equations are in
`satqkd.key.proofs.decoy_bounds`.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from satqkd.key.proofs.decoy_bounds import (
    ACCOUNT,
    CHERNOFF,
    EQUAL,
    GAINS,
    GAUSSIAN,
    HOEFFDING,
    ONE_DECOY,
    TWO_DECOYS,
    UNFLOORED,
    ZHANG2017,
    accounts_of,
)
from satqkd.key.proofs.entropy import (
    EpsilonSplit,
    binary_entropy,
    check_errors,
    check_range,
    check_security,
    named_bound,
)
from satqkd.key.proofs.multinomial import ESTIMATE, ESTIMATES, HASHING, leakage_terms, security_bits
from satqkd.key.proofs.multinomial import accounts_of as weighed_accounts_of
from satqkd.result import Result

_KEY_BASES = {"x": ("x",), "z": ("z",), "both": ("x", "z")}
_KEY_INTENSITIES = ("all", "signal")
_ROUNDING = 1e-9


@dataclass(frozen=True, repr=False)
class DecoyCounts(Result):
    """Counts by basis and intensity, shape (..., 3), signal, decoy, vacuum, or (..., 2) without vacuum.

    Attributes
    ----------
    detections_x, detections_z : array_like
        Sifted events in which both sides chose X, or both chose Z.
    errors_x, errors_z : array_like
        Errors among them.
    pulses : array_like, optional
        Pulses sent at each intensity, whatever their basis; only proofs that work with gains need them.

    Raises
    ------
    ValueError
        When the last axis is neither 2 nor 3, or errors exceed detections.
    """

    detections_x: np.ndarray
    detections_z: np.ndarray
    errors_x: np.ndarray
    errors_z: np.ndarray
    pulses: np.ndarray | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _by_intensity(field.name, value))
        for basis in ("x", "z"):
            names = (f"errors_{basis}", f"detections_{basis}")
            check_errors(errors=getattr(self, names[0]), detections=getattr(self, names[1]), names=names)


@dataclass(frozen=True, repr=False)
class DecoyBasisKey(Result):
    """Account of the key from one basis; arrays over the leading axes of the counts.

    Attributes
    ----------
    n_sifted : array_like
        Sifted bits that become key.
    qber : array_like
        Their error rate.
    vacuum_events : array_like
        Lower bound on those of them from empty pulses.
    single_photons : array_like
        Lower bound on those of them from single photons.
    single_photons_sample, single_photon_errors_sample : array_like
        Lower bound on the single photons of the other basis, and upper bound on the errors among them.
    phase_error : array_like
        Upper bound on the phase error rate of `single_photons`, at most one half.
    leak_ec, security : array_like
        Price of error correction and of the failure probabilities [bit].
    unfloored : array_like
        n_sifted - multiphoton - privacy - leak_ec - security [bit].
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

    @property
    def length(self) -> np.ndarray:
        """Return the secret bits: `unfloored`, not below 0."""
        return np.maximum(self.unfloored, 0.0)

    @property
    def multiphoton(self) -> np.ndarray:
        """Return the bits that may come from several photons, and are credited with no secrecy."""
        return self.n_sifted - self.vacuum_events - self.single_photons

    @property
    def privacy(self) -> np.ndarray:
        """Return what an eavesdropper may know of the single photons' bits, single_photons h(phase_error)."""
        return self.single_photons * binary_entropy(self.phase_error)


@dataclass(frozen=True, repr=False)
class DecoyKey(Result):
    """Length of the key under one proof, and the account of each basis that gives key.

    Attributes
    ----------
    bound : str
        Name of the proof.
    split : EpsilonSplit
        Failure probabilities, of the key of each basis.
    sigmas : array_like
        Standard deviations that a Gaussian tail takes; 0 for other tails.
    x, z : DecoyBasisKey or None
        Key from the basis; None where that basis is only the sample.
    """

    bound: str
    split: EpsilonSplit
    sigmas: np.ndarray
    x: DecoyBasisKey | None
    z: DecoyBasisKey | None

    @property
    def length(self) -> np.ndarray:
        """Return the secret bits of all bases that give key; a basis without key adds nothing."""
        return np.asarray(sum(key.length for key in (self.x, self.z) if key is not None))[()]

    @property
    def leak_ec(self) -> np.ndarray:
        """Return the bits that error correction discloses in all bases that give key."""
        return np.asarray(sum(key.leak_ec for key in (self.x, self.z) if key is not None))[()]


@dataclass(frozen=True)
class Proof:
    """Choice of equations in `satqkd.key.proofs.decoy_bounds`, and the division of the failure probabilities.

    Attributes
    ----------
    photons : int
        How single photons are bounded.
    tail : int
        How far a count may lie from its expectation.
    terms : int
        Failure probabilities that share eps_sec when all intensities give key.

    Examples
    --------
    >>> PROOFS["lim2014"].shares(signal_only=False)
    21
    """

    photons: int
    tail: int
    terms: int

    def shares(self, signal_only: bool) -> int:
        """Return how many failure probabilities share eps_sec.

        Key from the signal alone needs two more: its part of the empty pulses and of the single photons.
        """
        return self.terms + 2 * (signal_only and self.photons != GAINS)

    def sigmas(self, eps_sec: np.ndarray, signal_only: bool) -> np.ndarray:
        """Return the standard deviations of a Gaussian tail; 0 for other tails."""
        if self.photons == GAINS:
            # The tail exp(-s^2/2): 1e-5 makes 4.8, where "about 5 standard deviations" is printed.
            return np.sqrt(-2.0 * np.log(eps_sec))
        if self.tail == GAUSSIAN:
            return -ndtri(np.divide(eps_sec, self.shares(signal_only)))
        return np.zeros_like(eps_sec)

    def split(self, eps_sec: np.ndarray, eps_cor: np.ndarray, signal_only: bool) -> EpsilonSplit:
        """Divide the failure probabilities among the estimates."""
        if self.tail == EQUAL:
            return EpsilonSplit(eps_sec, eps_cor, np.zeros_like(eps_sec), 0, np.zeros_like(eps_sec))
        shares = self.shares(signal_only)
        amplification = np.zeros_like(eps_sec) if self.photons == GAINS else eps_sec / shares
        return EpsilonSplit(eps_sec, eps_cor, eps_sec / shares, shares, amplification)

    def security(self, eps_sec: np.ndarray, eps_cor: np.ndarray, signal_only: bool) -> np.ndarray:
        """Return the price of the failure probabilities [bit]; Eq. (1) of Lim et al. and Eq. (A25) of Rusca et al."""
        if self.photons == GAINS or self.tail == EQUAL:
            return np.zeros_like(eps_sec)
        return 6.0 * np.log2(self.shares(signal_only) / eps_sec) + np.log2(2.0 / eps_cor)


@dataclass(frozen=True)
class WeighedProof(Proof):
    """Division of the failure probabilities of `satqkd.key.proofs.multinomial`, which has no tail of single counts.

    Attributes
    ----------
    two_way : bool
        Whether error correction makes public where the errors were.
    """

    two_way: bool = False

    def shares(self, signal_only: bool) -> int:
        """Return how many estimates of photon numbers share eps_sec, whichever intensities give key."""
        return self.terms

    def sigmas(self, eps_sec: np.ndarray, signal_only: bool) -> np.ndarray:
        """Return 0: there is no Gaussian tail."""
        return np.zeros_like(eps_sec)

    def split(self, eps_sec: np.ndarray, eps_cor: np.ndarray, signal_only: bool) -> EpsilonSplit:
        """Divide the failure probabilities among the estimates; docs/proofs.md has the phase errors' share."""
        return EpsilonSplit(eps_sec, eps_cor, ESTIMATE * eps_sec, self.terms, HASHING * eps_sec)

    def security(self, eps_sec: np.ndarray, eps_cor: np.ndarray, signal_only: bool) -> np.ndarray:
        """Return the price of the failure probabilities [bit]."""
        return security_bits(eps_sec, eps_cor)


# A fourth way to bound single photons, in addition to those of `satqkd.key.proofs.decoy_bounds`.
WEIGHED = 3
# Proofs that accept a source that sends light back: theorem 7 of docs/proofs.md. "asymptotic" leaves the light out.
LEAKAGE_PROOFS = ("asymptotic", "multinomial", "multinomial_two_way")
# The proof that replaces another one where Cascade really corrects.
TWO_WAY = {"multinomial": "multinomial_two_way"}
PROOFS = {
    "multinomial": WeighedProof(WEIGHED, EQUAL, ESTIMATES),
    "multinomial_two_way": WeighedProof(WEIGHED, EQUAL, ESTIMATES, two_way=True),
    "asymptotic": Proof(TWO_DECOYS, EQUAL, 21),
    "lim2014": Proof(TWO_DECOYS, HOEFFDING, 21),
    "chernoff": Proof(TWO_DECOYS, CHERNOFF, 21),
    "zhang2017": Proof(TWO_DECOYS, ZHANG2017, 21),
    "gaussian": Proof(TWO_DECOYS, GAUSSIAN, 21),
    "rusca2018": Proof(ONE_DECOY, HOEFFDING, 19),
    "tiangong2": Proof(GAINS, GAUSSIAN, 1),
}


def _by_intensity(name: str, value: ArrayLike) -> np.ndarray:
    """Return an array of floats whose last axis is the intensity."""
    array = np.asarray(value, dtype=float)
    if array.shape[-1:] not in ((2,), (3,)):
        raise ValueError(
            f"{name} has shape {array.shape}, not (..., 3): give signal, decoy and vacuum on the last axis, "
            "or signal and decoy alone for bound='rusca2018'"
        )
    return array


def pool_bases(counts: DecoyCounts) -> DecoyCounts:
    """Return counts with both bases taken as one, for experiments that treat X and Z alike.

    Parameters
    ----------
    counts : DecoyCounts

    Returns
    -------
    DecoyCounts
        X and Z each hold the sum; take the key from one of them.

    Notes
    -----
    The convention of symmetric experiments: the error rate of the whole sifted key is taken as its phase error rate. If
    one basis is more probable, an eavesdropper who measures in it knows more than this pays for (docs/attacks.md); see
    `satqkd.key.proofs.balance.bases_unbalanced`.
    The sum of two keys (``key_basis="both"``) assumes no symmetry. It is shorter, since each sample is half as large.

    Examples
    --------
    >>> counts = DecoyCounts(
    ...     detections_x=[7e5, 4e4, 100],
    ...     detections_z=[7e5, 4e4, 100],
    ...     errors_x=[7350, 500, 50],
    ...     errors_z=[7350, 500, 50],
    ... )
    >>> pool_bases(counts).detections_x.tolist()
    [1400000.0, 80000.0, 200.0]
    """
    detections, errors = counts.detections_x + counts.detections_z, counts.errors_x + counts.errors_z
    return DecoyCounts(detections, detections, errors, errors, counts.pulses)


def _check_gains(pulses: np.ndarray | None, mu: np.ndarray, signal_only: bool) -> None:
    """Refuse counts from which gains cannot be formed."""
    if pulses is None:
        raise ValueError("bound='tiangong2' works with gains, but pulses=None: give the pulses sent at each intensity")
    check_range(1.0, np.finfo(float).max, "give the pulses sent at each intensity", pulses=pulses)
    if not signal_only:
        raise ValueError("key_intensities='all' is not defined for bound='tiangong2': give key_intensities='signal'")
    if np.any(mu[..., 2] != 0.0):
        raise ValueError(
            f"the vacuum has {np.max(mu[..., 2]):g} photons, not 0: bound='tiangong2' takes a true vacuum only"
        )


def check_leakage(bound: str, pulses: np.ndarray | None, returned_photons: np.ndarray) -> None:
    """Refuse a leaking source for a proof without a term for it, and without the number of pulses.

    Examples
    --------
    >>> check_leakage("multinomial", np.array([1e9, 1e9, 1e9]), np.array(1e-12))
    """
    if not np.any(returned_photons > 0.0):
        return
    if bound not in LEAKAGE_PROOFS:
        raise ValueError(
            f"returned_photons={np.max(returned_photons):g} with bound={bound!r}, which has no term for light that "
            f"comes back: take one of {', '.join(LEAKAGE_PROOFS)}"
        )
    if pulses is None:
        raise ValueError(
            f"returned_photons={np.max(returned_photons):g} needs the number of pulses, but pulses=None: give those "
            "sent at each intensity"
        )


def _check_probabilities(p: np.ndarray) -> None:
    """Refuse intensities that are never sent, and probabilities that do not add up to 1."""
    check_range(_ROUNDING, 1.0, "each intensity must be sent sometimes", intensity_probabilities=p)
    total = p.sum(axis=-1)
    if np.any(np.abs(total - 1.0) > 1e-6):
        raise ValueError(
            f"intensity_probabilities add up to {np.ravel(total)[0]:g}, not 1: give all of them, as fractions"
        )


def _check_order(mu: np.ndarray) -> None:
    """Refuse intensities for which the decoy equations do not hold."""
    weakest = mu[..., 2] if mu.shape[-1] == 3 else 0.0
    if np.any(weakest < 0.0) or np.any(mu[..., 1] <= weakest) or np.any(mu[..., 0] <= mu[..., 1] + weakest):
        raise ValueError(
            f"mean_photon_numbers={mu.reshape(-1, mu.shape[-1])[0].tolist()} are not in order: "
            "give signal > decoy + vacuum and decoy > vacuum >= 0"
        )


def _corners(mu: np.ndarray, fluctuation: np.ndarray) -> list[np.ndarray]:
    """Return the mean photon numbers at the corners of the box that the fluctuation allows."""
    if np.all(fluctuation == 0.0):
        return [mu]
    corners = []
    for signal, decoy in ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)):
        factors = [1.0 + signal * fluctuation, 1.0 + decoy * fluctuation, np.ones_like(fluctuation)]
        corners.append(mu * np.stack(factors[: mu.shape[-1]], axis=-1))
    return corners


def _shortest(by_corner: list[np.ndarray]) -> np.ndarray:
    """Return the account of the shortest key, point by point."""
    if len(by_corner) == 1:
        return by_corner[0]
    accounts = np.stack(by_corner)
    worst = np.argmin(accounts[..., UNFLOORED], axis=0)
    return np.take_along_axis(accounts, worst[np.newaxis, ..., np.newaxis], axis=0)[0]


def decoy_key_length(
    *,
    counts: DecoyCounts,
    mean_photon_numbers: ArrayLike,
    intensity_probabilities: ArrayLike,
    eps_sec: ArrayLike,
    eps_cor: ArrayLike,
    f_ec: ArrayLike,
    bound: str,
    key_basis: str = "x",
    key_intensities: str = "all",
    intensity_fluctuation: ArrayLike = 0.0,
    efficiency_mismatch: ArrayLike = 0.0,
    returned_photons: ArrayLike = 0.0,
) -> DecoyKey:
    """Return the length of a decoy-state BB84 key with signal, weak decoy and vacuum, or without the vacuum.

    Parameters
    ----------
    counts : DecoyCounts
        Arrays of shape (..., 3), or (..., 2) without a vacuum intensity.
    mean_photon_numbers, intensity_probabilities : array_like, shape (..., 3) or (..., 2)
        Signal, decoy, vacuum.
    eps_sec, eps_cor : array_like
        Failure probabilities of secrecy and correctness, of the key of each basis. For "tiangong2" eps_sec is the
        failure probability of each estimate and eps_cor is not used.
    f_ec : array_like
        Inefficiency of error correction.
    bound : str
        "multinomial", "multinomial_two_way", "lim2014", "chernoff", "zhang2017", "gaussian", "rusca2018", "asymptotic"
        or "tiangong2".
        The proof, see the notes.
    key_basis : {"x", "z", "both"}
        Basis that gives key; the other one is the sample. "both" adds the key of X and the key of Z, each with the
        phase error from the other. See `pool_bases` for the third convention.
    key_intensities : {"all", "signal"}
        Intensities whose sifted bits become key.
    intensity_fluctuation : array_like
        Largest relative error of the signal's and the decoy's mean photon number, constant over the session. The key
        is the shortest over the corners of that box; the vacuum is taken as stated.
    efficiency_mismatch : array_like
        Relative difference of the detector efficiencies; widens the phase error as in `satqkd.key.proofs.bbm92`.
    returned_photons : array_like
        Largest mean photon number of light that the source sends back to Eve in a pulse with the settings on it.
        Only "multinomial" and "multinomial_two_way" have a term for it, "asymptotic" leaves it out, and all others
        accept only 0.

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
    "multinomial": all intensities weighed together, one failure probability for each weighted sum, no chain rule, and
    detectors that differ within the phase-error bound; theorems and steps in `docs/proofs.md`. `single_photons` also
    counts empty events that cannot be told from single photons. Where all intensities give key, the fluctuation
    may change from pulse to pulse.
    "multinomial_two_way": the same when error correction makes public where the errors were, as Cascade does: an empty
    event's bit is then known to whoever knows what Bob detected, so it is not secret. All other proofs that credit
    empty events assume that nothing but Alice's parities is public. With `returned_photons` "multinomial" credits no
    empty events either: theorem 7.
    "lim2014": Lim, Curty, Walenta, Xu, Zbinden, Phys. Rev. A 89, 022307 (2014), with Hoeffding's tail. Two changes.
    The single-photon errors never exceed all errors seen, which only lengthens the key. The sampling term, which as
    printed vanishes without errors, is a bound at every size, see
    `satqkd.key.proofs.decoy_bounds.phase_error_deviation`; the same term enters every finite bound but "tiangong2".
    Lower limits of single counts may be negative and are carried on as they are, which is sound too; to raise them to
    0 would be tighter.
    "chernoff": the same with the deviation of each count by itself, see
    `satqkd.key.proofs.decoy_bounds.chernoff_lower`.
    "zhang2017": the same with Chernoff's bound without approximation, see
    `satqkd.key.proofs.decoy_bounds.zhang2017_lower`.
    "gaussian": the same with the standard deviations of each count that a normal distribution has at the failure
    probability of each estimate; the result states their number. Not a bound, and wrong for counts of a few events.
    "asymptotic": the same equations without any deviation.
    "rusca2018": one decoy and no vacuum, Rusca et al., Appl. Phys. Lett. 112, 171104 (2018); of three intensities the
    vacuum pulses are ignored.
    "tiangong2": vacuum and weak decoy as in Ma, Qi, Zhao, Lo, Phys. Rev. A 72, 012326 (2005), signal pulses only,
    every gain sqrt(2 ln(1/eps_sec)) Gaussian standard deviations to the bad side; not for counts of a few events, and
    with no composable secrecy.
    With ``key_intensities="signal"`` the signal's part of the single photons is a binomial draw with the known
    probability that a single photon came from a signal pulse; it is bounded with the same tail.

    Examples
    --------
    >>> counts = DecoyCounts(
    ...     detections_x=[7e5, 4e4, 100],
    ...     detections_z=[7e5, 4e4, 100],
    ...     errors_x=[7350, 500, 50],
    ...     errors_z=[7350, 500, 50],
    ... )
    >>> security = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16}
    >>> key = decoy_key_length(
    ...     counts=counts,
    ...     mean_photon_numbers=[0.5, 0.1, 0.0],
    ...     intensity_probabilities=[0.7, 0.2, 0.1],
    ...     **security,
    ...     bound="multinomial",
    ...     key_basis="both",
    ... )
    >>> round(key.length.item())
    573902
    """
    proof = named_bound(PROOFS, bound)
    check_security(eps_sec=eps_sec, eps_cor=eps_cor, f_ec=f_ec)
    check_range(0.0, 0.5, "give a fraction, not percent", intensity_fluctuation=intensity_fluctuation)
    check_range(0.0, 1.0, "give a fraction, not percent", efficiency_mismatch=efficiency_mismatch)
    check_range(0.0, 1e3, "give the mean number of a pulse", returned_photons=returned_photons)
    check_leakage(bound, counts.pulses, np.asarray(returned_photons, dtype=float))
    for name, value, known in (
        ("key_basis", key_basis, _KEY_BASES),
        ("key_intensities", key_intensities, _KEY_INTENSITIES),
    ):
        if value not in known:
            raise ValueError(f"{name}={value!r} is unknown: choose one of {', '.join(known)}")
    signal_only = key_intensities == "signal"
    columns = {field.name: value for field in fields(counts) if (value := getattr(counts, field.name)) is not None}
    mu = columns["mu"] = _by_intensity("mean_photon_numbers", mean_photon_numbers)
    columns["p"] = _by_intensity("intensity_probabilities", intensity_probabilities)
    _check_probabilities(columns["p"])
    columns = _of_one_kind(columns, bound, 2 if proof.photons == ONE_DECOY else 3)
    corners = _corners(columns["mu"], np.asarray(intensity_fluctuation, dtype=float))
    for corner in corners:
        _check_order(corner)
    if proof.photons == GAINS:
        _check_gains(columns.get("pulses"), mu, signal_only)
    eps_sec, eps_cor, f_ec = (np.asarray(value, dtype=float)[()] for value in (eps_sec, eps_cor, f_ec))
    sigmas, security = proof.sigmas(eps_sec, signal_only), proof.security(eps_sec, eps_cor, signal_only)
    mismatch, fluctuation = (np.asarray(value, dtype=float) for value in (efficiency_mismatch, intensity_fluctuation))
    common = (eps_sec, sigmas, f_ec, mismatch, security)
    kind = (proof.photons, proof.tail, proof.shares(signal_only), signal_only)

    leaks = np.asarray(returned_photons) > 0.0
    tagged, patterns = np.zeros(()), np.zeros(())
    if leaks.any() and isinstance(proof, WeighedProof):
        sent = columns["pulses"].sum(axis=-1)
        tagged, patterns = leakage_terms(sent, returned_photons=returned_photons, eps_sec=eps_sec)

    def key(basis: str) -> DecoyBasisKey:
        other = "z" if basis == "x" else "x"
        counted = [columns[f"{what}_{side}"] for side in (basis, other) for what in ("detections", "errors")]
        if isinstance(proof, WeighedProof):
            weighed = (eps_sec, f_ec, mismatch, security, fluctuation, signal_only, proof.two_way | leaks)
            filled = weighed_accounts_of(*counted, mu, columns["p"], *weighed, tagged=tagged, patterns=patterns)
        else:
            pulses = columns.get("pulses", columns["p"])
            accounts = [accounts_of(*counted, pulses, corner, columns["p"], *common, *kind) for corner in corners]
            filled = _shortest(accounts)
        values = {name: filled[..., place][()] for place, name in enumerate(ACCOUNT)}
        return DecoyBasisKey(**values, security=security)

    keys = {basis: key(basis) for basis in _KEY_BASES[key_basis]}
    return DecoyKey(bound, proof.split(eps_sec, eps_cor, signal_only), sigmas, keys.get("x"), keys.get("z"))


def _of_one_kind(columns: dict[str, np.ndarray], bound: str, intensities: int) -> dict[str, np.ndarray]:
    """Return all arrays with as many intensities as the proof has; a proof without vacuum leaves those pulses out."""
    found = {array.shape[-1] for array in columns.values()}
    if len(found) > 1 or min(found) < intensities:
        raise ValueError(
            f"the arrays have {' and '.join(map(str, sorted(found)))} intensities: "
            f"bound={bound!r} takes {intensities}, the same in all of them"
        )
    if found == {intensities}:
        return columns
    kept = {name: array[..., :intensities] for name, array in columns.items()}
    return kept | {"p": kept["p"] / kept["p"].sum(axis=-1, keepdims=True)}
