"""Section `attack` of a scenario: what Eve does to the last station's light, and the countermeasure against it."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from satqkd.scenario.fields import Number, Positive, Probability, Section, Whole

Share = Annotated[Number, Field(ge=0, le=1)]


class _Attack(Section):
    """What all attacks have."""

    strength: Share = Field(1, description="share of the light that Eve attacks [1]")


class InterceptResend(_Attack):
    """Eve measures in a basis at random, and sends a photon in the state that she found."""

    kind: Literal["intercept_resend"]
    privacy_amplification: bool = Field(
        True, description="countermeasure: the key is shortened by what the error rate admits, as the proof says"
    )


class PhotonNumberSplitting(_Attack):
    """Eve keeps a photon of each pulse that has several, and measures it when the bases are public."""

    kind: Literal["photon_number_splitting"]
    lossless_channel: bool = Field(True, description="whether Eve sends the rest through a channel without loss")
    knows_intensities: bool = Field(
        False,
        description="whether Eve can predict the record of intensities, and keeps the gain of each; intensities from "
        "fresh random numbers are the countermeasure",
    )
    decoys: bool = Field(
        True, description="countermeasure: decoy states; without them every pulse is taken for a single photon"
    )


class TrojanHorse(_Attack):
    """Eve sends light into the source, and measures what comes back with the bit on it when the bases are public."""

    kind: Literal["trojan_horse"]
    input_photons: Positive = Field(1e12, description="photons that Eve sends into the source for each pulse [1]")
    isolation_db: Annotated[Number, Field(ge=0, le=400)] = Field(
        180,
        description="countermeasure: isolation of the source, from Eve's light on its way in to what comes back [dB]",
    )


class LaserSeeding(_Attack):
    """Eve sends light into the source's laser: pulses come out brighter, and she splits those of several photons."""

    kind: Literal["laser_seeding"]
    brightening: Annotated[Number, Field(ge=0, le=20)] = Field(
        2, description="relative increase of a pulse's photon number by her light, without further isolation [1]"
    )
    isolation_db: Annotated[Number, Field(ge=0, le=400)] = Field(
        0, description="countermeasure: further isolation of the laser, which takes from her light on its way in [dB]"
    )
    power_alarm: Positive | None = Field(
        None, description="countermeasure: relative rise of the mean power behind the source that raises an alarm [1]"
    )


class TimeShift(_Attack):
    """Eve delays or advances photons to where one outcome's clicks count more often than the other's."""

    kind: Literal["time_shift"]
    shift_ns: Annotated[Number, Field(ge=0, le=10)] = Field(0.8, description="how far photons are shifted [ns]")
    gate_width_ps: Positive | None = Field(
        None,
        description="standard deviation of the Gaussian gate of each detector; without it they run freely, which is "
        "the countermeasure [ps]",
    )
    gate_offset_ps: Annotated[Number, Field(ge=0, le=1e4)] = Field(
        400, description="by how much the gates of outcome 1 are later than those of outcome 0 [ps]"
    )
    detector_delay_ns: Annotated[Number, Field(ge=0, le=10)] = Field(
        0,
        description="by how much clicks of outcome 1 are later than those of outcome 0, so that the coincidence window "
        "cuts them differently; aligned delays are the countermeasure [ns]",
    )


class Blinding(_Attack):
    """Eve blinds the detectors with continuous light, and makes them click with bright pulses."""

    kind: Literal["blinding"]
    photocurrent_ua: Positive = Field(40, description="mean current through a blinded avalanche diode [uA]")
    excess_bias_v: Positive = Field(
        15, description="bias above breakdown, which the current has to take away to blind the diode [V]"
    )
    quenching_kohm: Positive = Field(500, description="resistance that quenches an avalanche [kohm]")
    sampling_kohm: Positive = Field(10, description="resistance whose voltage the monitor sees [kohm]")
    pulse_power: Annotated[Number, Field(gt=0, lt=100)] = Field(
        1.5, description="peak power of Eve's pulses over the power below which a blinded detector never clicks [1]"
    )
    always_power: Annotated[Number, Field(ge=1, lt=100)] = Field(
        1.2, description="power above which it always clicks over the power below which it never clicks [1]"
    )
    monitor_threshold_v: Positive | None = Field(
        None, description="countermeasure: monitor voltage that raises an alarm [V]"
    )

    @model_validator(mode="after")
    def _blinds(self) -> Self:
        dropped_v = 1e-3 * self.photocurrent_ua * (self.quenching_kohm + self.sampling_kohm)
        if dropped_v < self.excess_bias_v:
            raise ValueError(
                f"photocurrent_ua={self.photocurrent_ua:g} drops {dropped_v:.3g} V, less than "
                f"excess_bias_v={self.excess_bias_v:g}: the detector is not blind, so give a larger current"
            )
        return self


class DetectorDamage(_Attack):
    """Eve has damaged the detectors of outcome 1 with strong light; strength is the efficiency that they lost."""

    kind: Literal["damage"]
    balance_alarm: Probability | None = Field(
        None,
        description="countermeasure: alarm if outcomes as unbalanced as those seen are less probable than this [1]",
    )


class DeadTime(_Attack):
    """Eve puts all detectors but one to sleep with a bright pulse just before a photon arrives."""

    kind: Literal["dead_time"]
    lead_ns: Positive = Field(20, description="time from the bright pulse to the photon [ns]")


class WavelengthDependence(_Attack):
    """Eve measures, and sends photons of a wavelength that the beam splitter directs to the basis that she used."""

    kind: Literal["wavelength"]
    detuning_nm: Annotated[Number, Field(ge=0, le=400)] = Field(
        200, description="distance of Eve's two wavelengths from the signal's [nm]"
    )
    coupler_order: Positive = Field(
        2.5, description="exponent with which the coupling of the beam splitter grows with the wavelength [1]"
    )
    filter_nm: Positive | None = Field(
        None, description="countermeasure: full width of the filter in front of the beam splitter [nm]"
    )


class SpatialMode(_Attack):
    """Eve measures, and sends photons from a direction in which the detector that she wants sees best."""

    kind: Literal["spatial_mode"]
    angle_urad: Annotated[Number, Field(ge=0, le=1e4)] = Field(
        120, description="angle of Eve's light to the optical axis, in each of two directions [urad]"
    )
    misalignment_urad: Annotated[Number, Field(ge=0, le=1e3)] = Field(
        4, description="distance of each detector's field of view from the axis, in each of two directions [urad]"
    )
    acceptance_urad: Positive = Field(
        15, description="standard deviation of a detector's Gaussian field of view without the filter [urad]"
    )
    field_of_view_urad: Positive | None = Field(
        None, description="countermeasure: full angle of the spatial filter [urad]"
    )


class DoubleClicks(_Attack):
    """Eve measures, and sends many photons in the state she found: in the other basis both outcomes click."""

    kind: Literal["double_clicks"]


class PredictableSettings(_Attack):
    """The settings of an active receiver repeat; Eve has seen them, and measures in the basis that comes."""

    kind: Literal["predictable_settings"]
    settings_in_record: Whole = Field(2500, description="number of settings after which the record repeats [1]")
    repeat_alarm: Probability | None = Field(
        None,
        description="countermeasure: alarm if as much repetition as is seen is less probable than this by chance [1]",
    )


class UnbalancedSettings(_Attack):
    """The settings of an active receiver are unbalanced; Eve measures in the more probable basis, and resends."""

    kind: Literal["unbalanced_settings"]
    first_share: Annotated[Number, Field(ge=0.5, le=1)] = Field(
        0.9, description="share of the attacked station's settings that are setting 0, the basis Z [1]"
    )
    errors_by_basis: bool = Field(
        True,
        description="countermeasure: errors of either basis bound the phase errors of the other; without it the error "
        "rate of all sifted bits is taken for the phase error rate of all of them",
    )
    balance_alarm: Probability | None = Field(
        None,
        description="countermeasure: alarm if settings as unbalanced as those seen are less probable than this [1]",
    )


Attack: TypeAlias = (
    InterceptResend
    | PhotonNumberSplitting
    | TrojanHorse
    | LaserSeeding
    | TimeShift
    | Blinding
    | DetectorDamage
    | DeadTime
    | WavelengthDependence
    | SpatialMode
    | DoubleClicks
    | PredictableSettings
    | UnbalancedSettings
)
