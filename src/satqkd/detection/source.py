"""The light that leaves the satellite: two-qubit states and what analysers make of them."""

import numpy as np

# Amplitudes over HH, HV, VH, VV.
BELL_STATES = {
    "psi_minus": np.array([0, 1, -1, 0]) / np.sqrt(2),
    "psi_plus": np.array([0, 1, 1, 0]) / np.sqrt(2),
    "phi_minus": np.array([1, 0, 0, -1]) / np.sqrt(2),
    "phi_plus": np.array([1, 0, 0, 1]) / np.sqrt(2),
}


def werner_state(bell_state: str, fidelity: float) -> np.ndarray:
    """Density matrix of a Bell state mixed with white noise to a given fidelity.

    Parameters
    ----------
    bell_state : str
        One of `BELL_STATES`.
    fidelity : float
        With the Bell state [1], from 1/4 to 1.

    Returns
    -------
    ndarray, shape (4, 4)

    Notes
    -----
    Werner, Phys. Rev. A 40, 4277 (1989): p ``|psi><psi|`` + (1 - p) 1/4 with F = (1 + 3 p) / 4. White noise is the
    choice that favours no basis: the papers print a fidelity and no more of the state.
    """
    if bell_state not in BELL_STATES:
        raise ValueError(f"bell_state={bell_state} is not known: take one of {', '.join(BELL_STATES)}")
    if not 0.25 <= fidelity <= 1:
        raise ValueError(f"fidelity={fidelity} is outside [0.25, 1]: give the overlap with the Bell state")
    p = (4 * fidelity - 1) / 3
    psi = BELL_STATES[bell_state]
    return p * np.outer(psi, psi) + (1 - p) * np.eye(4) / 4


def linear_projectors(angle_rad) -> np.ndarray:
    """Projectors on linear polarisation at given angles and at right angles to them, shape (..., outcome, 2, 2)."""
    angle_rad = np.asarray(angle_rad, float)
    along = np.stack([np.cos(angle_rad), np.sin(angle_rad)], axis=-1)
    across = np.stack([-np.sin(angle_rad), np.cos(angle_rad)], axis=-1)
    both = np.stack([along, across], axis=-2)
    return both[..., :, None] * both[..., None, :]


def joint_probabilities(state: np.ndarray, first_rad, second_rad) -> np.ndarray:
    """Born probabilities of the four outcomes at every pair of analyser angles.

    Parameters
    ----------
    state : ndarray, shape (4, 4)
        Density matrix.
    first_rad, second_rad : array_like, shape (..., setting)
        Analyser angles of the two stations [rad], against the polarisation that arrives; axes before the last belong
        together, such as times at which the frames of satellite and stations are turned against each other.

    Returns
    -------
    ndarray, shape (..., setting, setting, outcome, outcome)
        Sums to one over the outcomes. Outcome 0 is the polarisation along the angle.
    """
    first, second = linear_projectors(first_rad), linear_projectors(second_rad)
    rho = np.asarray(state).reshape(2, 2, 2, 2)
    return np.einsum("...soij,...tpkl,jlik->...stop", first, second, rho, optimize=True).real


def contrast_error(contrast: float | None) -> float:
    """Probability that light leaves by the wrong port, 1 / (1 + contrast); zero without a contrast."""
    return 0.0 if contrast is None else 1.0 / (1.0 + contrast)


def with_flips(probabilities: np.ndarray, error: float) -> np.ndarray:
    """Outcome probabilities after each of the two stations flips its outcome with a given probability."""
    flip = np.array([[1 - error, error], [error, 1 - error]])
    return np.einsum("...op,oi,pj->...ij", probabilities, flip, flip)
