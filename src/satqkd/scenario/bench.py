"""The model of a bench: source and receivers of a laboratory, joined by arms of known loss."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from satqkd.scenario.fields import NonNegative, Number, Positive, Whole
from satqkd.scenario.mission import (
    Beacon,
    Channel,
    DecoySource,
    EntangledSource,
    Fiber,
    Measurement,
    Polarization,
    Scenario,
    Station,
)

SHORTEST_STEP_S = 3  # three pulses per second fix a clock


class PumpedSource(EntangledSource):
    """A source of polarisation-entangled photon pairs whose rate is proportional to the power of its pump."""

    pair_rate_hz_per_mw: Annotated[Number, Field(gt=0, le=1e12)] = Field(
        description="pairs generated and collected for each milliwatt of pump [1/(s mW)]"
    )
    pump_mw: Positive = Field(1, description="pump power [mW]")

    pair_rate_hz: ClassVar[float]  # type: ignore[misc]

    @property  # type: ignore[no-redef]
    def pair_rate_hz(self) -> float:
        """Return the pairs generated and collected [1/s]."""
        return self.pair_rate_hz_per_mw * self.pump_mw


class BenchStation(Station):
    """A receiver on the bench: the loss of its arm, its detectors and its clock."""

    loss_db: NonNegative | Annotated[tuple[NonNegative, ...], Field(min_length=1, max_length=1000)] = Field(
        0, description="loss of the arm without its fibre and detectors: one, or a list with one for each step [dB]"
    )
    fiber_m: NonNegative = Field(0, description="length of fibre in the arm [m]")
    fiber_attenuation_db_km: NonNegative = Field(0.2, description="loss of that fibre [dB/km]")
    background_rate_hz: NonNegative = Field(0, description="stray light at each detector [1/s]")

    latitude_deg: ClassVar[float] = 0.0  # type: ignore[misc]
    longitude_deg: ClassVar[float] = 0.0  # type: ignore[misc]
    altitude_m: ClassVar[float] = 0.0  # type: ignore[misc]
    utc_offset_h: ClassVar[float] = 0.0  # type: ignore[misc]
    aperture_m: ClassVar[None] = None  # type: ignore[misc]
    obscuration_m: ClassVar[None] = None  # type: ignore[misc]
    field_of_view_urad: ClassVar[None] = None  # type: ignore[misc]
    receiver_efficiency: ClassVar[float] = 1.0  # type: ignore[misc]
    zenith_extinction_db: ClassVar[float] = 0.0  # type: ignore[misc]
    mount: ClassVar[str] = "altazimuth"  # type: ignore[misc]


class BenchMeasurement(Measurement):
    """Settings of the analysers, and for how many seconds of each step."""

    duration_s: Whole = Field(description="whole seconds of each step [s]")


class Bench(Scenario):
    """A simulated experiment in a laboratory: arms of known loss, fixed or stepped, in place of an orbit."""

    kind: Literal["bench"] = Field(description="simulated in a laboratory")  # type: ignore[assignment]
    stations: Annotated[tuple[BenchStation, ...], Field(min_length=1, max_length=2)]
    source: PumpedSource | DecoySource = Field(discriminator="kind")
    beacon: Beacon = Field(
        Beacon(pulse_rate_hz=1e4, jitter_ps=100), description="the pulses by cable that synchronise the time taggers"
    )
    measurements: Annotated[tuple[BenchMeasurement, ...], Field(min_length=1)]

    reference: ClassVar[None] = None  # type: ignore[misc]
    orbit: ClassVar[None] = None  # type: ignore[misc]
    transmitter: ClassVar[None] = None  # type: ignore[misc]
    relay: ClassVar[None] = None  # type: ignore[misc]
    channel: ClassVar[Channel] = Channel()  # type: ignore[misc]
    polarization: ClassVar[Polarization] = Polarization()  # type: ignore[misc]
    fiber: ClassVar[Fiber] = Fiber()  # type: ignore[misc]
    outlook: ClassVar[dict[str, float]] = {}  # type: ignore[misc]

    @model_validator(mode="after")
    def _stepped(self) -> Self:
        steps = {station.name: len(s) for station in self.stations if isinstance(s := station.loss_db, tuple)}
        if len(set(steps.values())) > 1:
            words = ", ".join(f"{number} of {name}" for name, number in steps.items())
            raise ValueError(f"loss_db has {words}: give as many steps in each list, or one number for all")
        return self

    @model_validator(mode="after")
    def _synchronised(self) -> Self:
        if (whole := sum(measurement.duration_s for measurement in self.measurements)) < SHORTEST_STEP_S:
            raise ValueError(
                f"measurements take {whole} s of each step, at least {SHORTEST_STEP_S} s are needed to find the clocks"
            )
        return self

    @property
    def losses_db(self) -> np.ndarray:
        """Return the loss of each arm in each step, fibre included, shape (step, station) [dB].

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> load_scenario("bench_example").losses_db.shape
        (4, 2)
        """
        arms = [
            np.atleast_1d(station.loss_db) + station.fiber_m / 1e3 * station.fiber_attenuation_db_km
            for station in self.stations
        ]
        return np.stack(np.broadcast_arrays(*arms), axis=1)
