"""Polarisation train: Jones matrices of the optics between source and analyser, and the contrast that they leave.

Jones vectors have right-handed axes about the direction of the light, also after a mirror. With an axis in the plane of
incidence an ideal mirror is therefore diag(1, -1): it mirrors linear polarisation at that plane.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

BASES_RAD = (0.0, np.pi / 4)  # bases that a contrast averages: horizontal and vertical, and both diagonals
_FLIPPED = np.diag([1.0, -1.0])


@dataclass(frozen=True)
class Element:
    """An optical element: its Jones matrix, and that of an ideal element.

    Attributes
    ----------
    jones : ndarray of complex, shape (2, 2)
    ideal : ndarray, shape (2, 2)
        Real and orthogonal: a rotation or a mirror image.
    """

    jones: np.ndarray
    ideal: np.ndarray


def rotation(angle_rad: ArrayLike) -> np.ndarray:
    """Return the matrix that rotates polarisation by an angle, shape (..., 2, 2).

    Examples
    --------
    >>> (rotation(np.pi / 2) @ [1, 0]).round(12)
    array([0., 1.])
    """
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)


def turned(matrix: np.ndarray, angle_rad: ArrayLike) -> np.ndarray:
    """Return the Jones matrix of an element whose axes are rotated by an angle.

    Examples
    --------
    >>> turned(np.diag([1.0, 0.0]), np.pi / 2).round(12)
    array([[0., 0.],
           [0., 1.]])
    """
    return rotation(angle_rad) @ matrix @ rotation(np.negative(angle_rad))


def fresnel_reflection(index: complex, incidence_rad: float) -> tuple[complex, complex]:
    """Return the reflection amplitudes of a surface in air for light in the plane of incidence (p) and across it (s).

    Parameters
    ----------
    index : complex
        n + i k of the surface.
    incidence_rad : float
        Angle from the normal [rad].

    Notes
    -----
    Born and Wolf, Principles of Optics, section 1.5.2, with the field as exp(-i omega t); r_p = -r_s at the normal.

    Examples
    --------
    >>> p, s = fresnel_reflection(1.5, 0.0)
    >>> round(p.real, 6), round(s.real, 6)
    (0.2, -0.2)
    """
    cos = np.cos(incidence_rad)
    inside = np.sqrt(complex(index) ** 2 - np.sin(incidence_rad) ** 2)
    p = (index**2 * cos - inside) / (index**2 * cos + inside)
    s = (cos - inside) / (cos + inside)
    return complex(p), complex(s)


def mirror(index: complex, incidence_rad: float, *, angle_rad: float = 0.0) -> Element:
    """Return a bare metal mirror whose plane of incidence is at an angle.

    Parameters
    ----------
    index : complex
        n + i k of the metal.
    incidence_rad, angle_rad : float
        Angle of incidence; angle of the plane of incidence from the horizontal [rad].

    Examples
    --------
    Silver at 849 nm and 45 degrees delays one axis by 13.5 degrees more than an ideal mirror:

    >>> p, s = np.diag(mirror(0.04 + 5.95j, np.pi / 4).jones)
    >>> round(float(np.degrees(np.angle(-p / s))), 1)
    13.5
    """
    p, s = fresnel_reflection(index, incidence_rad)
    return Element(turned(np.diag([p, s]), angle_rad), turned(_FLIPPED, angle_rad))


def plate(retardance_rad: float, *, diattenuation: float = 0.0, angle_rad: float = 0.0) -> Element:
    """Return an element with retardance and diattenuation, such as a dichroic; an ideal one has neither.

    Parameters
    ----------
    retardance_rad : float
        Phase by which the axis at `angle_rad` leads the other [rad].
    diattenuation : float
        (T1 - T2) / (T1 + T2) of the transmittances of that axis and the other [1].
    angle_rad : float
        Angle of the axis from the horizontal [rad].

    Raises
    ------
    ValueError
        For a diattenuation that is not within -1 and 1.

    Examples
    --------
    >>> np.diag(plate(np.pi / 2).jones).round(12)
    array([1.+0.j, 0.+1.j])
    """
    if not abs(diattenuation) < 1:
        raise ValueError(f"diattenuation={diattenuation} is not between -1 and 1: give (T1 - T2) / (T1 + T2)")
    axes = np.sqrt([1 + diattenuation, 1 - diattenuation]) * np.exp([0, 1j * retardance_rad])
    return Element(turned(np.diag(axes), angle_rad), np.eye(2))


def through(elements: tuple[Element, ...], *, ideal: bool = False) -> np.ndarray:
    """Return the Jones matrix of elements in the order of the light, or that of ideal ones, shape (2, 2).

    Examples
    --------
    >>> quarter = plate(np.pi / 2, angle_rad=np.pi / 4)
    >>> abs(through((quarter, quarter))).round(12)
    array([[0., 1.],
           [1., 0.]])
    """
    matrix = np.eye(2)
    for element in elements:
        matrix = (element.ideal if ideal else element.jones) @ matrix
    return matrix


def half_wave_plate(undone: np.ndarray, *, retardance_error_rad: float = 0.0) -> np.ndarray:
    """Return the Jones matrix of a half-wave plate that undoes a rotation or a mirror image.

    Parameters
    ----------
    undone : ndarray, shape (..., 2, 2)
        Real orthogonal matrix of ideal optics.
    retardance_error_rad : float
        Retardance of the plate minus half a wave [rad].

    Notes
    -----
    A half-wave plate can only act as a mirror image M. Of a rotation it leaves the mirror image diag(1, -1), which the
    analyser undoes by exchanging the names of its ports. With a retardance error e the plate has (1 + M)/2 -
    exp(i e) (1 - M)/2 (derived from its eigenvectors, which are those of M).

    Examples
    --------
    >>> abs(half_wave_plate(rotation(0.7)) @ rotation(0.7)).round(12)
    array([[1., 0.],
           [0., 1.]])
    """
    inverse = np.swapaxes(undone, -1, -2)
    names = np.where(np.linalg.det(undone)[..., None, None] > 0, _FLIPPED, np.eye(2))
    image = names @ inverse
    return names @ ((np.eye(2) + image) / 2 - np.exp(1j * retardance_error_rad) * (np.eye(2) - image) / 2)


def three_plates(undone: np.ndarray) -> np.ndarray:
    """Return the Jones matrix of a quarter-, a half- and a quarter-wave plate that undo the effect of optics.

    Parameters
    ----------
    undone : ndarray of complex, shape (..., 2, 2)

    Notes
    -----
    The three plates can make any unitary matrix (Simon and Mukunda, Phys. Lett. A 138, 474 (1989)). The nearest one to
    the inverse of W S V+ is V W+, which leaves the diattenuation V S V+ (singular values; polar decomposition).

    Examples
    --------
    >>> elliptic = plate(0.4, angle_rad=0.3).jones @ rotation(1.1)
    >>> abs(three_plates(elliptic) @ elliptic).round(12)
    array([[1., 0.],
           [0., 1.]])
    """
    left, _, right = np.linalg.svd(undone)
    return np.swapaxes(left @ right, -1, -2).conj()


def setting_error(sigma_rad: float) -> float:
    """Return the share of light that leaves by the wrong port because of the error of a half-wave plate's angle [1].

    Parameters
    ----------
    sigma_rad : float
        Standard deviation of the plate's angle [rad].

    Notes
    -----
    The polarisation turns by twice the angle: the mean of sin^2(2 x) over a normal distribution, (1 - exp(-8
    sigma^2)) / 2 (derived).

    Examples
    --------
    >>> round(setting_error(np.radians(0.5)), 6)
    0.000305
    """
    return float(-np.expm1(-8 * sigma_rad**2) / 2)


def wrong_share(jones: np.ndarray, bases_rad: ArrayLike = BASES_RAD) -> np.ndarray:
    """Return the share of the light that leaves by the wrong port, by basis, shape (..., basis).

    Parameters
    ----------
    jones : ndarray of complex, shape (..., 2, 2)
        Jones matrix from source to analyser.
    bases_rad : array_like, shape (basis,)
        Angles of the analyser and of the sent light [rad].

    Returns
    -------
    ndarray
        Mean over both states of a basis, weighted by the transmitted light.

    Examples
    --------
    A retardance of 0.2 rad between horizontal and vertical leaves both unchanged, and sends sin^2(0.1) of diagonal
    light to the wrong port.

    >>> wrong_share(plate(0.2).jones).round(5)
    array([0.     , 0.00997])
    """
    turn = rotation(bases_rad)
    power = np.abs(np.swapaxes(turn, -1, -2) @ jones[..., None, :, :] @ turn) ** 2
    return (power[..., 0, 1] + power[..., 1, 0]) / power.sum(axis=(-1, -2))


def contrast_with(wrong: ArrayLike, *, flips: float) -> np.ndarray:
    """Return the contrast (ratio to 1) that wrong shares and independent flips leave together.

    Parameters
    ----------
    wrong : array_like, shape (..., basis)
        Result of `wrong_share` [1]; the contrast is that of the mean over the bases.
    flips : float
        Additional share that source, analyser and the setting of plates send to the wrong port [1].

    Examples
    --------
    >>> contrast_with([0.0, 0.0], flips=0.01).round(6)
    np.float64(99.0)
    """
    mean = np.asarray(wrong, float).mean(axis=-1)
    both = mean + flips - 2 * mean * flips
    return (1 - both) / both


def train(
    satellite: tuple[Element, ...],
    station: tuple[Element, ...],
    *,
    rotation_rad: np.ndarray,
    plate_rotation_rad: np.ndarray,
    plates: str,
    retardance_error_rad: float = 0.0,
) -> np.ndarray:
    """Return the Jones matrix from the source to the analyser.

    Parameters
    ----------
    satellite, station : tuple of Element
        Elements before and after the path through the air, in the order of the light.
    rotation_rad : ndarray
        Angle of the satellite's polarisation axis from the station's [rad].
    plate_rotation_rad : ndarray
        Angle for which the station's plates are set [rad].
    plates : str
        ``half_wave``: a plate that undoes the effect of ideal optics. ``three``: a quarter-, a half- and a quarter-wave
        plate that undo the effect of these optics, except for the diattenuation.
    retardance_error_rad : float
        Retardance of the half-wave plate minus half a wave [rad].

    Returns
    -------
    ndarray of complex, shape (..., 2, 2)

    Raises
    ------
    ValueError
        For unknown plates.

    Examples
    --------
    >>> optics = (plate(0.2),)
    >>> for plates in ("half_wave", "three"):
    ...     jones = train(optics, (), rotation_rad=np.array(0.5), plate_rotation_rad=np.array(0.5), plates=plates)
    ...     print(wrong_share(jones).round(5))
    [0.      0.00997]
    [0. 0.]
    """
    real = through(station) @ rotation(rotation_rad) @ through(satellite)
    if plates == "half_wave":
        ideal = through(station, ideal=True) @ rotation(plate_rotation_rad) @ through(satellite, ideal=True)
        return half_wave_plate(ideal, retardance_error_rad=retardance_error_rad) @ real
    if plates == "three":
        return three_plates(through(station) @ rotation(plate_rotation_rad) @ through(satellite)) @ real
    raise ValueError(f"plates={plates} is not known: take one of half_wave, three")
