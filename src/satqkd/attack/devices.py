"""Response of a receiver to light outside its specification: wrong time, wavelength, angle or power."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

# Direction of each detector's misalignment along two axes, by 2 * setting + outcome: opposite in each basis.
DIRECTIONS = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])


def gate_efficiency(delay_ps: ArrayLike, *, offset_ps: float, width_ps: float) -> np.ndarray:
    """Return the efficiency of gated detectors of the two outcomes for a photon off the middle of the gates.

    Parameters
    ----------
    delay_ps : array_like, shape (...)
        Arrival after the middle between the gates [ps].
    offset_ps : float
        Delay of the gate of outcome 1 after that of outcome 0 [ps].
    width_ps : float
        Standard deviation of a Gaussian gate [ps].

    Returns
    -------
    ndarray, shape (..., outcome)
        Relative to the efficiency in the middle between the gates [1].

    Notes
    -----
    Efficiency mismatch in time: Makarov, Anisimov and Skaar, Phys. Rev. A 74, 022313 (2006). A Gaussian gate is our
    assumption; only the ratio of the two efficiencies enters.

    Examples
    --------
    >>> gate_efficiency([0.0, -500.0], offset_ps=400, width_ps=300).round(3).tolist()
    [[1.0, 1.0], [0.757, 0.082]]
    """
    centre = offset_ps * np.array([-0.5, 0.5])
    square = (np.asarray(delay_ps, float)[..., None] - centre) ** 2 - centre**2
    return np.exp(-square / (2 * width_ps**2))


def window_acceptance(delay_ps: ArrayLike, *, window_ps: float, jitter_ps: float) -> np.ndarray:
    """Return the probability that a click is in a window, for a mean delay from the middle of the window.

    Parameters
    ----------
    delay_ps : array_like
        Mean delay of the clicks [ps].
    window_ps : float
        Full width [ps].
    jitter_ps : float
        Standard deviation of the delay [ps].

    Examples
    --------
    >>> window_acceptance([0.0, 2000.0], window_ps=2500, jitter_ps=770).round(3).tolist()
    [0.895, 0.165]
    """
    late = np.asarray(delay_ps, float)
    return ndtr((window_ps / 2 - late) / jitter_ps) - ndtr((-window_ps / 2 - late) / jitter_ps)


def split_to_first(wavelength_nm: ArrayLike, *, design_nm: float, order: float) -> np.ndarray:
    """Return the share of light that a beam splitter directs to basis 0.

    Parameters
    ----------
    wavelength_nm : array_like
    design_nm : float
        Wavelength at which it splits evenly [nm].
    order : float
        Exponent with which the coupling grows with the wavelength.

    Notes
    -----
    A fused coupler exchanges power as sin^2 of the coupling, which grows as a power of the wavelength; Li et al., Phys.
    Rev. A 84, 062308 (2011), with order 5/2.

    Examples
    --------
    >>> split_to_first([810.0, 1070.0], design_nm=810.0, order=2.5).round(3).tolist()
    [0.5, 1.0]
    """
    return np.sin(np.pi / 4 * (np.asarray(wavelength_nm, float) / design_nm) ** order) ** 2


def best_splits(*, design_nm: float, order: float, detuning_nm: float) -> np.ndarray:
    """Return the highest share that Eve can direct to each basis with wavelengths within a detuning, shape (basis,).

    Examples
    --------
    >>> best_splits(design_nm=810.0, order=2.5, detuning_nm=2.5).round(3).tolist()
    [0.506, 0.506]
    """
    steps = np.linspace(-detuning_nm, detuning_nm, 1001)
    to_first = split_to_first(design_nm + steps, design_nm=design_nm, order=order)
    return np.array([to_first.max(), 1 - to_first.min()])


def field_of_view_efficiency(*, angle_urad: float, misalignment_urad: float, acceptance_urad: float) -> np.ndarray:
    """Return the efficiency of each detector for light from a direction that favours one of them, the target.

    Parameters
    ----------
    angle_urad : float
        Angle of the light to the optical axis, along each of two directions [urad].
    misalignment_urad : float
        Misalignment of a detector's field of view, along each of two directions [urad].
    acceptance_urad : float
        Standard deviation of a Gaussian field of view [urad].

    Returns
    -------
    ndarray, shape (target, channel)
        Relative to the target's efficiency [1]: Eve's pulse may be as bright as she likes.

    Notes
    -----
    Mismatch in the spatial mode: Sajeed et al., Phys. Rev. A 91, 062301 (2015), who measured such ratios. Four
    Gaussian fields of view in the corners of a square are our assumption.

    Examples
    --------
    >>> field_of_view_efficiency(angle_urad=120, misalignment_urad=4, acceptance_urad=15)[0].round(4).tolist()
    [1.0, 0.0002, 0.014, 0.014]
    """
    seen = _squared_distance(angle_urad * DIRECTIONS, misalignment_urad)
    return np.exp(-(seen - np.diag(seen)[:, None]) / (2 * acceptance_urad**2))


def field_of_view_efficiency_at(
    angles_urad: ArrayLike, *, misalignment_urad: float, acceptance_urad: float
) -> np.ndarray:
    """Return the efficiency of each detector for given directions, relative to its best direction.

    Parameters
    ----------
    angles_urad : array_like, shape (..., 2)
        To the optical axis, along two directions [urad].
    misalignment_urad, acceptance_urad : float
        See `field_of_view_efficiency`.

    Returns
    -------
    ndarray, shape (..., channel)

    Examples
    --------
    >>> field_of_view_efficiency_at([4.0, 4.0], misalignment_urad=4, acceptance_urad=15).round(3).tolist()
    [1.0, 0.752, 0.867, 0.867]
    """
    return np.exp(-_squared_distance(np.asarray(angles_urad, float), misalignment_urad) / (2 * acceptance_urad**2))


def _squared_distance(light_urad: np.ndarray, misalignment_urad: float) -> np.ndarray:
    """Return the squared angle between light and each detector's direction, shape (..., channel)."""
    return ((light_urad[..., None, :] - misalignment_urad * DIRECTIONS) ** 2).sum(axis=-1)


def angle_through(angle_urad: float, field_of_view_urad: float | None) -> float:
    """Return the largest angle along each of two directions that a spatial filter passes, at most a given one [urad].

    Examples
    --------
    >>> angle_through(120.0, None), angle_through(5.0, 27.0)
    (120.0, 5.0)
    """
    return angle_urad if field_of_view_urad is None else min(angle_urad, field_of_view_urad / 2 / np.sqrt(2))


def linear_mode_click(power: ArrayLike, *, always: float) -> np.ndarray:
    """Return the probability that a blinded avalanche diode clicks on a pulse.

    Parameters
    ----------
    power : array_like
        Peak power, relative to the power below which the diode never clicks [1].
    always : float
        Power above which it always clicks, in the same unit, larger than 1.

    Notes
    -----
    A blinded diode is a classical photodiode in front of a discriminator: Lydersen et al., Nat. Photonics 4, 686
    (2010), who measured both powers. Between them we assume a straight line.

    Examples
    --------
    >>> linear_mode_click([0.75, 1.1, 1.5], always=1.2).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.clip((np.asarray(power, float) - 1) / max(always - 1, 1e-9), 0, 1)


def voltage_v(current_ua: float, resistance_kohm: float) -> float:
    """Return the voltage that a current drops at a resistance [V].

    Examples
    --------
    >>> voltage_v(40, 10)
    0.4
    """
    return 1e-3 * current_ua * resistance_kohm
