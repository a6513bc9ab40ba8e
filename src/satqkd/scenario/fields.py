"""Types of the values that a user writes, each with its own bounds and error message."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from satqkd.scenario.messages import validated


def _number(value: Any) -> Any:
    """Convert text to the number that the user meant, such as 1e400 or a number in quotes."""
    if isinstance(value, bool):
        raise ValueError("is not a number")
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError(f"is not a number: {_way_out(value)}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("is not a finite number")
    return value


def _way_out(value: str) -> str:
    """Return advice for text that is not a number."""
    if parts := re.fullmatch(r"[-+]?([0-9]{1,9}):([0-9]{1,9})", value):
        large, small = (int(part) for part in parts.groups())
        return f"write {60 * large + small} or {large + small / 60:g}, whichever has the unit of the key"
    if re.fullmatch(r"[-+]?0[xob][0-9a-fA-F_]+", value):
        return "write it in decimal digits"
    return "write the number alone, its unit is in the key"


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _angle(letters: str) -> BeforeValidator:
    """Return a validator of degrees, or of angles as papers print them: 37 22 44.43 N, or 48 12.5 N."""
    sexagesimal = r"\s*([0-9]+) +(?:([0-5]?[0-9]) +([0-5]?[0-9](?:\.[0-9]+)?)|([0-5]?[0-9]\.[0-9]+))"
    printed = re.compile(rf"{sexagesimal} *([{letters}])\s*")

    def degrees_of(value: Any) -> Any:
        if isinstance(value, str) and not _is_number(value):
            if not (parts := printed.fullmatch(value)):
                raise ValueError(
                    f"is not an angle: give degrees, or as in 37 22 44.43 {letters[0]} or 37 22.74 {letters[1]}"
                )
            degrees, minutes, seconds, decimal_minutes = (float(part or 0) for part in parts.groups()[:4])
            size = degrees + (minutes + decimal_minutes) / 60 + seconds / 3600
            return size * (-1 if parts[5] in "SW" else 1)
        return _number(value)

    return BeforeValidator(degrees_of)


def _written_time(value: Any) -> Any:
    """Refuse what is not written as a time."""
    if isinstance(value, datetime) or isinstance(value, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", value):
        return value
    raise ValueError("is not a time: write it as in 2016-12-19T16:00:00Z")  # a bare number would be seconds since 1970


def _utc(value: datetime) -> datetime:
    """Refuse a time that is not in UTC, or for which there can be no element sets."""
    if value.utcoffset() != timedelta(0):  # None without a time zone
        raise ValueError("is not in UTC: end it with Z, as in 2016-12-19T16:00:00Z")
    if not 1957 <= value.year < 2200:
        raise ValueError("is outside the years 1957 to 2199: give a time for which there are element sets")
    return value.astimezone(UTC)


def _file_name(value: str) -> str:
    """Refuse a name that cannot be printed, or that leads out of the scenario's folders."""
    if len(value) > 255 or not value.isprintable():
        raise ValueError("is not a file name: give one of up to 255 printable characters")
    if Path(value).is_absolute() or ".." in Path(value).parts:
        raise ValueError("leaves its folder: give a path below the scenario file or below data/orbits")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[Number, Field(gt=0)]
NonNegative = Annotated[Number, Field(ge=0)]
Fraction = Annotated[Number, Field(gt=0, le=1)]
Probability = Annotated[Number, Field(gt=0, lt=1)]
Elevation = Annotated[Number, Field(ge=0, lt=90)]
Latitude = Annotated[float, _angle("NS"), Field(ge=-90, le=90)]
Longitude = Annotated[float, _angle("EW"), Field(ge=-180, le=360)]
Altitude = Annotated[Number, Field(ge=-500, le=9000)]
TimeZone = Annotated[Number, Field(ge=-12, le=14)]
Time = Annotated[datetime, BeforeValidator(_written_time), AfterValidator(_utc)]
FileName = Annotated[str, Field(min_length=1), AfterValidator(_file_name)]
Whole = Annotated[int, BeforeValidator(_number), Field(ge=1)]
CatalogueNumber = Annotated[Whole, Field(le=999_999_999)]
ChannelNumber = Annotated[int, BeforeValidator(_number), Field(ge=0, le=255)]
BellState = Literal["psi_minus", "psi_plus", "phi_minus", "phi_plus"]


class Section(BaseModel):
    """Part of a scenario: closed, so that an unknown key is an error, and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some values changed, checked as those of a file are.

        Parameters
        ----------
        update : mapping, optional
            New value by key of this section; `Experiment.replaced` takes dotted keys.
        deep : bool
            Whether to copy nested values as well; only without an update.

        Raises
        ------
        ScenarioError
            One sentence that names the key, the value, the bound and a way out.

        Examples
        --------
        >>> from satqkd.scenario.mission import Polarization
        >>> Polarization().model_copy(update={"residual_deg": 0.5}).residual_deg
        0.5
        """
        if not update:
            return super().model_copy(deep=deep)
        values = {name: getattr(self, name) for name in self.model_fields_set} | dict(update)
        changed = validated(type(self), values, self._place)
        for name in self.__private_attributes__:
            setattr(changed, name, getattr(self, name))
        return changed

    @property
    def _place(self) -> Path | str:
        """Return what an error message names first: the file, or the kind of section."""
        return type(self).__name__.lower()
