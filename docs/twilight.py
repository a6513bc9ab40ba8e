"""Picture of the sky against the Sun's elevation in docs/physics/detection.md: ``python docs/twilight.py`` draws it."""

from pathlib import Path

import numpy as np
import xarray as xr

from satqkd.detection.figures import twilight_figure
from satqkd.detection.sky import SkyRadiance, sky_radiance
from satqkd.plot import save_svg

PICTURE = Path(__file__).parent / "physics/twilight.svg"
ELEVATION_DEG = 45.0
TOWARDS_DEG = {"towards the Sun": 0.0, "away from it": 180.0}
PHASES_DEG = {"full Moon": 0.0, "half Moon": 90.0}


def sky_at(sun_elevation_deg: np.ndarray, *, azimuth_deg: float = 0.0, phase_deg: float = 0.0) -> SkyRadiance:
    """Radiance of the sky of the page's example, with the Sun in the north and the Moon 60 degrees away."""
    here, sun = np.radians(ELEVATION_DEG), np.radians(sun_elevation_deg)
    across = np.cos(here) * np.cos(sun) * np.cos(np.radians(azimuth_deg))
    return sky_radiance(
        elevation_deg=np.full_like(sun, ELEVATION_DEG),
        azimuth_deg=np.full_like(sun, azimuth_deg),
        moon_elevation_deg=np.full_like(sun, 45.0),
        moon_separation_deg=np.full_like(sun, 60.0),
        moon_phase_angle_deg=np.full_like(sun, phase_deg),
        sun_elevation_deg=sun_elevation_deg,
        sun_separation_deg=np.degrees(np.arccos(np.sin(here) * np.sin(sun) + across)),
        dark_magnitude=20.2,
        extinction_mag=0.172,
        glow=[],
        wavelength_m=810e-9,
    )


def lights() -> xr.Dataset:
    """Radiance by cause against the Sun's elevation, for the figure."""
    sun_deg = np.arange(-24.0, 0.01, 0.25)
    twilight = [sky_at(sun_deg, azimuth_deg=azimuth).twilight for azimuth in TOWARDS_DEG.values()]
    moon = [sky_at(sun_deg, phase_deg=phase).moon for phase in PHASES_DEG.values()]
    return xr.Dataset(
        {
            "dark": ("sun_elevation", sky_at(sun_deg).dark),
            "twilight": (("side", "sun_elevation"), twilight),
            "moon": (("phase", "sun_elevation"), moon),
        },
        coords={"sun_elevation": sun_deg, "side": list(TOWARDS_DEG), "phase": list(PHASES_DEG)},
    )


if __name__ == "__main__":
    save_svg(twilight_figure(lights()), PICTURE)
