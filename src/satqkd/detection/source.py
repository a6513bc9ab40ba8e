"""The light that leaves the satellite: two-qubit states, and the probabilities of outcomes at analysers."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

# Amplitudes over HH, HV, VH, VV.
BELL_STATES = {
    "psi_minus": np.array([0, 1, -1, 0]) / np.sqrt(2),
    "psi_plus": np.array([0, 1, 1, 0]) / np.sqrt(2),
    "phi_minus": np.array([1, 0, 0, -1]) / np.sqrt(2),
    "phi_plus": np.array([1, 0, 0, 1]) / np.sqrt(2),
}


class PairState(Protocol):
    """State of the pairs: section `source` of a scenario has one of `fidelity` and `bell_weights`."""

    @property
    def bell_state(self) -> str: ...
    @property
    def fidelity(self) -> float | None: ...
    @property
    def bell_weights(self) -> Mapping[Any, float] | None: ...


def source_state(source: PairState) -> np.ndarray:
    """Return the density matrix of the pairs of a source, shape (4, 4).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> round(float(source_state(load_scenario("yin2020").source).trace()), 12)
    1.0
    """
    if source.fidelity is not None:
        return werner_state(source.bell_state, source.fidelity)
    assert source.bell_weights is not None  # a source has one of the two
    return bell_diagonal_state(source.bell_weights)


def bell_diagonal_state(weights: Mapping[str, float]) -> np.ndarray:
    """Return the density matrix of a mixture of Bell states.

    Parameters
    ----------
    weights : mapping of str to float
        Weight by name of `BELL_STATES`, 0 where left out; they sum to 1 [1].

    Returns
    -------
    ndarray, shape (4, 4)

    Raises
    ------
    ValueError
        For an unknown state, and for weights that are negative or do not sum to 1.

    Notes
    -----
    Bennett, DiVincenzo, Smolin and Wootters, Phys. Rev. A 54, 3824 (1996). The error rate in a basis is the weight of
    the states that correlate there in the other way than the intended one.

    Examples
    --------
    >>> bell_diagonal_state({"psi_plus": 0.75, "phi_plus": 0.25})
    array([[0.125, 0.   , 0.   , 0.125],
           [0.   , 0.375, 0.375, 0.   ],
           [0.   , 0.375, 0.375, 0.   ],
           [0.125, 0.   , 0.   , 0.125]])
    """
    if unknown := set(weights) - set(BELL_STATES):
        raise ValueError(f"bell_state={min(unknown)} is unknown: take one of {', '.join(BELL_STATES)}")
    values = np.array(list(weights.values()), float)
    if not ((values >= 0).all() and abs(values.sum() - 1) < 1e-9):
        raise ValueError(f"weights={values.tolist()} are not a distribution: give numbers from 0 that sum to 1")
    states = np.array([BELL_STATES[name] for name in weights])
    return (states.T * values) @ states


def werner_state(bell_state: str, fidelity: float) -> np.ndarray:
    """Return the density matrix of a Bell state mixed with white noise, for a given fidelity.

    Parameters
    ----------
    bell_state : str
        One of `BELL_STATES`.
    fidelity : float
        Fidelity to the Bell state [1], from 1/4 to 1.

    Returns
    -------
    ndarray, shape (4, 4)

    Raises
    ------
    ValueError
        For an unknown state, and for a fidelity outside [1/4, 1].

    Notes
    -----
    Werner, Phys. Rev. A 40, 4277 (1989): p ``|psi><psi|`` + (1 - p) 1/4 with F = (1 + 3 p) / 4. White noise favours
    no basis.

    Examples
    --------
    >>> werner_state("psi_minus", 0.25)
    array([[0.25, 0.  , 0.  , 0.  ],
           [0.  , 0.25, 0.  , 0.  ],
           [0.  , 0.  , 0.25, 0.  ],
           [0.  , 0.  , 0.  , 0.25]])
    """
    if bell_state not in BELL_STATES:
        raise ValueError(f"bell_state={bell_state} is unknown: take one of {', '.join(BELL_STATES)}")
    if not 0.25 <= fidelity <= 1:
        raise ValueError(f"fidelity={fidelity} is outside [0.25, 1]: give the overlap with the Bell state")
    p = (4 * fidelity - 1) / 3
    psi = BELL_STATES[bell_state]
    return p * np.outer(psi, psi) + (1 - p) * np.eye(4) / 4


def linear_projectors(angle_rad: ArrayLike) -> np.ndarray:
    """Return the projectors on linear polarisation at given angles and at right angles to them.

    Parameters
    ----------
    angle_rad : array_like
        Angles from horizontal polarisation [rad].

    Returns
    -------
    ndarray, shape (..., outcome, 2, 2)

    Examples
    --------
    >>> linear_projectors(0.0)[0]
    array([[1., 0.],
           [0., 0.]])
    """
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    along = np.stack([cos, sin], axis=-1)
    across = np.stack([-sin, cos], axis=-1)
    both = np.stack([along, across], axis=-2)
    return both[..., :, None] * both[..., None, :]


def joint_probabilities(
    state: np.ndarray, first_rad: ArrayLike, second_rad: ArrayLike, *, optics: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Return the Born probabilities of the four outcomes at every pair of analyser angles.

    Parameters
    ----------
    state : ndarray, shape (4, 4)
        Density matrix.
    first_rad, second_rad : array_like, shape (..., setting)
        Analyser angles of the two stations [rad], relative to the polarisation that arrives. The leading axes of the
        two are common, such as times at which the frames of satellite and stations are rotated differently.
    optics : sequence of ndarray, shape (2, ..., 2, 2), optional
        Jones matrix of what each photon passes before its analyser. The probabilities are those of pairs that pass.

    Returns
    -------
    ndarray, shape (..., setting, setting, outcome, outcome)
        Sums to one over the outcomes. Outcome 0 is the polarisation along the angle.

    Examples
    --------
    >>> joint_probabilities(werner_state("psi_minus", 1.0), [0.0], [0.0])[0, 0].round(3) + 0.0
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    first, second = linear_projectors(first_rad), linear_projectors(second_rad)
    if optics is not None:
        first, second = (
            np.einsum("...ji,...sojk,...kl->...soil", jones.conj(), projectors, jones, optimize=True)
            for jones, projectors in zip(optics, (first, second), strict=True)
        )
    rho = np.asarray(state).reshape(2, 2, 2, 2)
    result = np.einsum("...soij,...tpkl,jlik->...stop", first, second, rho, optimize=True).real
    return result if optics is None else result / result.sum(axis=(-2, -1), keepdims=True)


def second_port(optics: np.ndarray, sent_rad: np.ndarray, analyser_rad: np.ndarray) -> np.ndarray:
    """Return the share of linearly polarised light behind optics that leaves an analyser across its angle [1].

    Parameters
    ----------
    optics : ndarray of complex, shape (cell, 2, 2)
        Jones matrices.
    sent_rad : ndarray, shape (basis, bit)
        Angles of the light that is sent [rad].
    analyser_rad : ndarray, shape (setting,)
        Angles of the analyser [rad].

    Returns
    -------
    ndarray, shape (cell, basis, bit, setting)

    Examples
    --------
    >>> second_port(np.eye(2)[None], np.array([[0.0, np.pi / 2]]), np.array([0.0, np.pi / 4])).round(3)
    array([[[[0. , 0.5],
             [1. , 0.5]]]])
    """
    sent = np.stack([np.cos(sent_rad), np.sin(sent_rad)], axis=-1)
    across = np.stack([-np.sin(analyser_rad), np.cos(analyser_rad)], axis=-1)
    arriving = np.einsum("cij,abj->cabi", optics, sent)
    power = np.abs(np.einsum("si,cabi->cabs", across, arriving)) ** 2
    return power / (np.abs(arriving) ** 2).sum(axis=-1)[..., None]


def contrast_error(contrast: float | None) -> float:
    """Return the probability that light leaves by the wrong port, 1 / (1 + contrast); zero without a contrast.

    Examples
    --------
    >>> contrast_error(99.0), contrast_error(None)
    (0.01, 0.0)
    """
    return 0.0 if contrast is None else 1.0 / (1.0 + contrast)


def with_flips(probabilities: np.ndarray, error: float) -> np.ndarray:
    """Return outcome probabilities after each of two stations flips its outcome with a given probability.

    Parameters
    ----------
    probabilities : ndarray, shape (..., outcome, outcome)
    error : float
        Probability of a flip, at each station [1].

    Examples
    --------
    >>> with_flips(np.array([[1.0, 0.0], [0.0, 0.0]]), 0.1).round(2)
    array([[0.81, 0.09],
           [0.09, 0.01]])
    """
    flip = np.array([[1 - error, error], [error, 1 - error]])
    return np.einsum("...op,oi,pj->...ij", probabilities, flip, flip)
