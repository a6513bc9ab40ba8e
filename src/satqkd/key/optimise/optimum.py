"""Settings that give the longest key, to be chosen before a pass.

They are intensities and their probabilities, bases, the width of the window, and the seconds that are used. For choices
after the pass see `satqkd.key.optimise.afterwards`.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from satqkd.key.optimise.downlink import DecoyDownlink, PairDownlinks
from satqkd.key.optimise.search import Optimum, maximise, optimum_of, worth
from satqkd.key.proofs.bbm92 import Bbm92Key, bbm92_key_length
from satqkd.key.proofs.decoy import PROOFS, WEIGHED, DecoyKey, WeighedProof, check_leakage, decoy_key_length
from satqkd.key.proofs.decoy_bounds import EQUAL, GAINS, ONE_DECOY, Costs, Link, Method, pass_lengths
from satqkd.key.proofs.entropy import check_security, named_bound
from satqkd.key.proofs.multinomial import CAPPED, DECOYS, leakage_terms
from satqkd.key.proofs.multinomial import pass_lengths as weighed_lengths

_DECOY_SETTINGS = ("signal", "decoy", "share_signal", "share_decoy", "basis_x", "window_s", "seconds")
_PAIR_SETTINGS = ("pair_rate_hz", "window_s", "basis_x", "seconds", "estimate_share")
# A window this many standard deviations of the jitter wide takes all light.
_WIDE = 8.0


def _box(
    names: Sequence[str],
    defaults: Mapping[str, float | tuple[float, float]],
    limits: Mapping[str, float | tuple[float, float]],
) -> np.ndarray:
    """Return the lower and the upper limit of each setting; a single number fixes it."""
    for name in limits:
        if name not in names:
            raise ValueError(f"limits has {name!r}, which is not a setting: choose from {', '.join(names)}")
    missing = [name for name in names if name not in {*limits, *defaults}]
    if missing:
        raise ValueError(f"limits has no {missing[0]}: give a number, or the lowest and the highest")
    given = {**defaults, **limits}
    box = np.stack([np.broadcast_to(np.asarray(given[name], dtype=float), 2) for name in names])
    for name, (low, high) in zip(names, box, strict=True):
        if not low <= high:
            raise ValueError(f"limits of {name} are {low:g} and {high:g}: give the lowest first")
    return box.T


def _window_limits(jitter_s: float, longest_s: float) -> dict[str, tuple[float, float]]:
    """Return the limits of the window that follow from the jitter; none without jitter."""
    return {"window_s": (0.2 * jitter_s, min(_WIDE * jitter_s, longest_s))} if jitter_s > 0.0 else {}


def optimal_decoy(
    link: DecoyDownlink,
    *,
    eps_sec: float,
    eps_cor: float,
    f_ec: float,
    bound: str,
    rng: np.random.Generator,
    key_basis: str = "x",
    key_intensities: str = "all",
    vacuum: float = 0.0,
    intensity_fluctuation: float = 0.0,
    returned_photons: float = 0.0,
    efficiency_mismatch: float = 0.0,
    limits: Mapping[str, float | tuple[float, float]] | None = None,
) -> Optimum:
    """Find the settings of a decoy-state pass that give the longest key from its expected counts.

    Parameters
    ----------
    link : DecoyDownlink
    eps_sec, eps_cor, f_ec, bound, key_basis, key_intensities, intensity_fluctuation, returned_photons
        As in `satqkd.key.proofs.decoy.decoy_key_length`; numbers, and key_basis "x" or "both".
    efficiency_mismatch : float
        As there.
    rng : numpy.random.Generator
    vacuum : float
        Mean photon number of the vacuum.
    limits : dict, optional
        For each setting a number, which fixes it, or the lowest and the highest: signal and decoy (mean photon
        numbers), share_signal and share_decoy (probabilities), basis_x (probability of either side to choose X),
        window_s, and seconds (how much of the pass is used, the best seconds first).

    Returns
    -------
    Optimum

    Raises
    ------
    NotConvergedError
        When runs of the search do not agree.
    ValueError
        When no settings within the limits give key; for limits that name no setting or are in the wrong order, and as
        `decoy_key_length`.

    Examples
    --------
    >>> link = DecoyDownlink(np.full(300, 1e-3), np.array(1000.0), pulse_rate_hz=1e8, misalignment=0.01)
    >>> security = {"eps_sec": 1e-10, "eps_cor": 1e-15, "f_ec": 1.16}
    >>> fixed = {"share_signal": 0.7, "share_decoy": 0.2, "basis_x": 0.5, "window_s": 1e-9, "seconds": 300}
    >>> best = optimal_decoy(link, **security, bound="zhang2017", rng=np.random.default_rng(1), limits=fixed)
    >>> best.settings["signal"] > best.settings["decoy"], best.length > 0
    (True, True)
    """
    proof = named_bound(PROOFS, bound)
    check_security(eps_sec=eps_sec, eps_cor=eps_cor, f_ec=f_ec)
    check_leakage(bound, np.ones(3), np.asarray(returned_photons))
    for name, value, known in (
        ("key_basis", key_basis, ("x", "both")),
        ("key_intensities", key_intensities, ("all", "signal")),
    ):
        if value not in known:
            raise ValueError(f"{name}={value!r} is unknown: choose one of {', '.join(known)}")
    signal_only = key_intensities == "signal"
    if proof.photons == GAINS and (not signal_only or vacuum != 0.0):
        raise ValueError(f"bound={bound!r} takes a true vacuum and key_intensities='signal': give both")
    one_decoy = proof.photons == ONE_DECOY
    defaults = {
        "signal": (0.05, 1.5),
        "decoy": (1e-3, 1.0),
        "share_signal": (0.01, 0.98),
        "share_decoy": (0.01, 0.9) if not one_decoy else 0.0,
        "basis_x": (0.02, 0.98),
        "seconds": (link.step_s, link.step_s * np.size(link.transmittance)),
    } | _window_limits(link.jitter_s, 1.0 / link.pulse_rate_hz)
    low, high = _box(_DECOY_SETTINGS, defaults, dict(limits or {}))
    exact, exact_cor = (np.asarray(value, dtype=float)[()] for value in (eps_sec, eps_cor))
    # While a search works with more data than there are, it only looks for the part of the box with long keys. The
    # bound of Zhang et al. finds that part in a third of the time.
    guide = PROOFS["zhang2017"] if proof.photons == WEIGHED else proof
    costs = Costs(
        float(exact),
        float(guide.sigmas(exact, signal_only)),
        float(f_ec),
        float(efficiency_mismatch),
        float(guide.security(exact, exact_cor, signal_only)),
    )
    method = Method(guide.photons, guide.tail, guide.shares(signal_only))
    two_way = isinstance(proof, WeighedProof) and (proof.two_way or returned_photons > 0.0)
    security = float(proof.security(exact, exact_cor, signal_only))
    weighed_terms = (
        exact, float(f_ec), float(efficiency_mismatch), security, float(intensity_fluctuation), signal_only, two_way,
    )  # fmt: skip
    in_steps = np.array([1.0] * 6 + [1.0 / link.step_s])
    pulses_in_step = link.pulse_rate_hz * link.step_s
    sums = Link(float(link.misalignment), float(link.jitter_s), *link.sums)

    def weighed(points: np.ndarray, ways: int) -> np.ndarray:
        mu = np.column_stack([points[:, :2], np.full(len(points), vacuum)])
        clicks, errors = link.clicks(mean_photon_numbers=mu, window_s=points[:, 5], seconds=points[:, 6])
        lengths = np.empty(len(points))
        sent = link.pulse_rate_hz * points[:, 6]
        leakage = leakage_terms(sent, returned_photons=returned_photons, eps_sec=eps_sec)
        weighed_lengths(
            points,
            clicks,
            errors,
            float(vacuum),
            pulses_in_step,
            *weighed_terms,
            key_basis == "both",
            ways,
            *(np.broadcast_to(term, len(points)).copy() for term in leakage),
            lengths,
        )
        return lengths

    def objective(points: np.ndarray, abundance: float, *, capped: bool = False) -> np.ndarray:
        if proof.photons == WEIGHED and abundance == 1.0:
            return weighed(points, CAPPED if capped else DECOYS)
        lengths = np.empty(len(points))
        pass_lengths(
            points * in_steps,
            float(vacuum),
            abundance * pulses_in_step,
            sums,
            costs,
            float(intensity_fluctuation),
            method,
            signal_only,
            key_basis == "both",
            capped,
            lengths,
        )
        return lengths

    def key(point: np.ndarray) -> DecoyKey:
        signal, decoy, share_signal, share_decoy, basis_x, window_s, seconds = point
        mu, p = [signal, decoy, vacuum], [share_signal, share_decoy, 1.0 - share_signal - share_decoy]
        if one_decoy:
            mu, p = [signal, decoy], [share_signal, 1.0 - share_signal]
        counts = link.counts(
            mean_photon_numbers=mu, intensity_probabilities=p, basis_x=basis_x, window_s=window_s, seconds=seconds
        )
        return decoy_key_length(
            counts=counts,
            mean_photon_numbers=mu,
            intensity_probabilities=p,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
            f_ec=f_ec,
            bound=bound,
            key_basis=key_basis,
            key_intensities=key_intensities,
            intensity_fluctuation=intensity_fluctuation,
            returned_photons=returned_photons,
            efficiency_mismatch=efficiency_mismatch,
        )

    # Two bounds on the single-photon errors, of which the lesser counts, have a best point each: search for both.
    has_cap = proof.photons == WEIGHED or (proof.photons != GAINS and proof.tail != EQUAL)
    objectives = [objective, partial(objective, capped=True)] if has_cap else [objective]
    best = maximise(*objectives, low=low, high=high, rng=rng)
    return optimum_of(best, _DECOY_SETTINGS, key, vacuum=vacuum)


def optimal_pairs(
    link: PairDownlinks,
    *,
    eps_sec: float,
    eps_cor: float,
    f_ec: float,
    bound: str,
    rng: np.random.Generator,
    limits: Mapping[str, float | tuple[float, float]],
    efficiency_mismatch: float = 0.0,
) -> Optimum:
    """Find the settings of a pass of photon pairs that give the longest key from its expected counts in both bases.

    Parameters
    ----------
    link : PairDownlinks
    eps_sec, eps_cor, f_ec, bound, efficiency_mismatch
        As in `satqkd.key.proofs.bbm92.bbm92_key_length`; numbers.
    rng : numpy.random.Generator
    limits : dict
        As in `optimal_decoy`, for the settings pair_rate_hz (which has no default), window_s, basis_x, seconds, and
        estimate_share.

    Returns
    -------
    Optimum

    Raises
    ------
    NotConvergedError, ValueError
        As `optimal_decoy`.

    Examples
    --------
    >>> link = PairDownlinks(np.full((3000, 2), 1e-3), np.array([1000.0, 1000.0]), misalignment=0.02)
    >>> security = {"eps_sec": 1e-10, "eps_cor": 1e-15, "f_ec": 1.16}
    >>> limits = {"pair_rate_hz": (1e5, 1e8), "window_s": 1e-9, "basis_x": 0.5, "seconds": 3000, "estimate_share": 0.5}
    >>> best = optimal_pairs(link, **security, bound="tomamichel2012", rng=np.random.default_rng(1), limits=limits)
    >>> best.length > 0
    True
    """
    defaults = {
        "basis_x": (0.02, 0.98),
        "seconds": (link.step_s, link.step_s * len(link.transmittance)),
        "estimate_share": (0.02, 0.98),
    } | _window_limits(link.jitter_s, np.inf)
    low, high = _box(_PAIR_SETTINGS, defaults, dict(limits))

    def key(settings: np.ndarray, abundance: float = 1.0) -> Bbm92Key:
        counts = link.counts(**dict(zip(_PAIR_SETTINGS[:-1], settings[:-1], strict=True)))
        counts = {name: abundance * value for name, value in counts.items()}
        return bbm92_key_length(
            **counts,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
            f_ec=f_ec,
            bound=bound,
            efficiency_mismatch=efficiency_mismatch,
            estimate_share=settings[-1],
        )

    def objective(points: np.ndarray, abundance: float) -> np.ndarray:
        return worth(key(points.T, abundance))

    # An exact tail jumps by about a bit from one count to the next.
    best = maximise(objective, low=low, high=high, rng=rng, resolution=1.0)
    return optimum_of(best, _PAIR_SETTINGS, key)
