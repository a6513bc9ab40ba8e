"""Stage 2: what does the link lose?"""

from satqkd.channel.atmosphere import air_mass, extinction_db
from satqkd.channel.diffraction import (
    beam_diameter_m,
    captured_fraction,
    diffraction_limited_divergence,
    geometric_loss_db,
    on_axis_gain_efficiency,
    transmitted_fraction,
)
from satqkd.channel.nights import NightAir, log_normal_of, molecular_extinction_db, night_extinctions_db, slow_change
from satqkd.channel.pointing import (
    jittered_divergence_rad,
    mean_pointing_factor,
    pointing_factor_pdf,
    pointing_variance,
    sample_pointing_factor,
)
from satqkd.channel.stage import COMPONENTS, drawn_extinctions_db, link_budget, observables, to_db
from satqkd.channel.turbulence import (
    HufnagelValley,
    aperture_averaging_factor,
    coherence_time_s,
    field_of_view_fraction,
    flux_variance,
    fried_parameter_m,
    isoplanatic_angle_rad,
    rytov_variance,
    scintillation_height_m,
    scintillation_index,
    turbulent_divergence_rad,
)

__all__ = [
    "COMPONENTS",
    "HufnagelValley",
    "NightAir",
    "air_mass",
    "aperture_averaging_factor",
    "beam_diameter_m",
    "captured_fraction",
    "coherence_time_s",
    "diffraction_limited_divergence",
    "drawn_extinctions_db",
    "extinction_db",
    "field_of_view_fraction",
    "flux_variance",
    "fried_parameter_m",
    "geometric_loss_db",
    "isoplanatic_angle_rad",
    "jittered_divergence_rad",
    "link_budget",
    "log_normal_of",
    "mean_pointing_factor",
    "molecular_extinction_db",
    "night_extinctions_db",
    "observables",
    "on_axis_gain_efficiency",
    "pointing_factor_pdf",
    "pointing_variance",
    "rytov_variance",
    "sample_pointing_factor",
    "scintillation_height_m",
    "scintillation_index",
    "slow_change",
    "to_db",
    "transmitted_fraction",
    "turbulent_divergence_rad",
]
