"""How the polarisation frame of a satellite turns against that of a station, and what is left of the contrast."""

import numpy as np


def satellite_axis(name: str, position_m: np.ndarray, velocity_m_s: np.ndarray) -> np.ndarray:
    """Return the direction along which a satellite holds its horizontal polarisation, as far as the line of sight
    allows.

    Parameters
    ----------
    name : str
        ``velocity``, ``orbit_normal`` or ``nadir``.
    position_m, velocity_m_s : ndarray, shape (time, 3)
        From the Earth's centre [m], and against the stars [m/s], in the same axes.

    Returns
    -------
    ndarray, shape (time, 3)
        Unit vectors.

    Raises
    ------
    ValueError
        For another name.
    """
    if name == "velocity":
        axis = velocity_m_s
    elif name == "orbit_normal":
        axis = np.cross(position_m, velocity_m_s)
    elif name == "nadir":
        axis = np.negative(position_m)
    else:
        raise ValueError(f"satellite_axis={name} is not known: take one of velocity, orbit_normal, nadir")
    return axis / np.linalg.norm(axis, axis=-1, keepdims=True)


def station_axis(mount: str, local_axes: np.ndarray) -> np.ndarray:
    """Return the direction along which a telescope holds its analyser, as far as the line of sight allows, shape (3,).

    Parameters
    ----------
    mount : str
        ``altazimuth``, the vertical: the analyser turns with the telescope's tube. ``equatorial``, the Earth's axis:
        also that of an altazimuth telescope with a derotator, which holds north up.
    local_axes : ndarray, shape (3, 3)
        East, north and up as rows.

    Raises
    ------
    ValueError
        For another mount.

    Examples
    --------
    >>> station_axis("equatorial", np.eye(3))
    array([0., 0., 1.])
    """
    if mount == "altazimuth":
        return local_axes[2]
    if mount == "equatorial":
        return np.array([0.0, 0.0, 1.0])
    raise ValueError(f"mount={mount} is not known: take one of altazimuth, equatorial")


def frame_rotation_deg(line_of_sight: np.ndarray, satellite: np.ndarray, station: np.ndarray) -> np.ndarray:
    r"""Return the angle of the satellite's polarisation axis from the station's, followed continuously over a pass.

    Parameters
    ----------
    line_of_sight : ndarray, shape (time, 3)
        Unit vectors from the satellite to the station.
    satellite, station : ndarray, shape (time, 3) or (3,)
        Axes, see `satellite_axis` and `station_axis`.

    Returns
    -------
    ndarray, shape (time,)
        Right-handed about the direction in which the light travels [degree], in -180 to 180 at first and without jumps
        from there, as long as it turns by less than 180 from one time to the next.

    Notes
    -----
    Both axes are projected on the plane across the line of sight l. With u of the satellite and w of the station,
    :math:`\tan\theta = l\cdot(w\times u) / [u\cdot w - (u\cdot l)(w\cdot l)]` (derived). Bonato et al., Opt. Express
    14, 10050 (2006), simulate what pointing mirrors do besides; mirrors are taken for ideal here.

    Examples
    --------
    >>> across = np.array([[1.0, 1.0, 0.0]])
    >>> frame_rotation_deg(np.array([[0.0, 0.0, 1.0]]), across, np.array([1.0, 0.0, 0.0])).round(1)
    array([45.])
    """
    sine = np.einsum("...i,...i", line_of_sight, np.cross(station, satellite))
    along = np.einsum("...i,...i", satellite, line_of_sight) * np.einsum("...i,...i", station, line_of_sight)
    cosine = np.einsum("...i,...i", satellite, np.broadcast_to(station, np.shape(satellite))) - along
    return np.degrees(np.unwrap(np.arctan2(sine, cosine)))


def rotated_contrast(contrast: float, rotation_deg: np.ndarray) -> np.ndarray:
    """Return the contrast, ratio to 1, of optics whose analyser is turned against the light.

    Parameters
    ----------
    contrast : float
        Of the optics with equal frames, above 1.
    rotation_deg : array_like
        Angle between the frames [degree].

    Raises
    ------
    ValueError
        For a contrast that is not above 1.

    Notes
    -----
    Of linearly polarised light the share sin^2 of the angle leaves by the wrong port (Malus), and the optics send
    e = 1 / (1 + contrast) of either share to the other port: together e + (1 - 2 e) sin^2.

    Examples
    --------
    >>> rotated_contrast(80.0, np.array([0.0, 5.0])).round(1)
    array([80. , 49.6])
    """
    if not contrast > 1:
        raise ValueError(f"contrast={contrast} is not above 1: give right over wrong, as 280 for 280:1")
    error = 1 / (1 + contrast)
    wrong = error + (1 - 2 * error) * np.sin(np.radians(rotation_deg)) ** 2
    return (1 - wrong) / wrong
