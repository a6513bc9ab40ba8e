"""Error messages for users' files, one sentence each."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError


class ScenarioError(ValueError):
    """Bad input: one sentence that names file, key, value, bound and a way out."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))  # a quoted value may contain line breaks


def _known_keys(model: type[BaseModel], path: list[str | int]) -> list[str]:
    """Return the keys that are valid at a place in the model."""
    for part in path:
        if not isinstance(part, str) or not (isinstance(model, type) and part in model.model_fields):
            continue
        models = _models(model.model_fields[part].annotation)
        # Of several kinds of section, pydantic puts the kind that the user chose into the path.
        chosen = [m for m in models if "kind" in m.model_fields and _kind(m) in path]
        model = [*chosen, *models][0]
    return list(model.model_fields)


def _kind(model: type[BaseModel]) -> str:
    """Return the value of `kind` that belongs to a model."""
    return str(get_args(model.model_fields["kind"].annotation)[0])


def _kinds(model: type[BaseModel], key: str | int) -> list[str]:
    """Return the kinds of section that a key admits."""
    field = model.model_fields.get(str(key))
    return [_kind(m) for m in _models(field.annotation) if "kind" in m.model_fields] if field else []


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation admits."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _sentence(error: Mapping[str, Any], place: Path | str, model: type[BaseModel]) -> str:
    """Return pydantic's error as one sentence."""
    location = [
        part
        for i, part in enumerate(error["loc"])
        if part not in ("float", "[key]")
        and not (i == 1 and part in _kinds(model, error["loc"][0]))
        and not str(part).startswith(("function", "tuple", "constrained"))
    ]
    key = ".".join(map(str, location)) or "the scenario"
    value = error.get("input")
    shown = "" if isinstance(value, dict | list | tuple | BaseModel) else f"={str(value)[:60]}"
    if error["type"] == "extra_forbidden":
        known = _known_keys(model, list(error["loc"])[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, 1, 0.5)
        way = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{place}: unknown key {key}: {way} (keys carry their unit)"
    if error["type"] == "missing":
        return f"{place}: the key {key} is missing: add it (docs: {_describe(model, location)})"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:400]
    verb = "" if error["type"] == "value_error" else "is wrong, "
    if not location and not verb:  # of several keys together, which the message names
        return f"{place}: {message}"
    return f"{place}: {key}{shown} {verb}{message}{_bounds_hint(model, location)}"


def _describe(model: type[BaseModel], location: list[str | int]) -> str:
    """Return the description of the field at a place in the model."""
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) and isinstance(model, type) else None
        if field is None:
            continue
        if field.description:
            return field.description
        models = _models(field.annotation)
        model = models[0] if models else BaseModel
    return "see the schema"


def _bounds_hint(model: type[BaseModel], location: list[str | int]) -> str:
    """Return the description of the field in brackets, for the end of a sentence."""
    text = _describe(model, location)
    return "" if text == "see the schema" else f" ({location[-1] if location else ''}: {text})"


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], tree: dict, place: Path | str) -> Model:
    """Return the model of a mapping; of several errors, report the first, and unknown keys before others.

    Parameters
    ----------
    model : type
    tree : dict
    place : Path or str
        What the error message names first, such as the file.

    Raises
    ------
    ScenarioError
        One sentence that names the place, the key, the value, the bound and a way out.

    Examples
    --------
    >>> from satqkd.scenario.mission import Detector
    >>> validated(Detector, {"efficiency": 0.5, "dark_rate_hz": 100}, "bench.yaml")
    Detector(efficiency=0.5, dark_rate_hz=100.0)
    """
    try:
        return model.model_validate(tree)
    except ValidationError as failure:
        errors = sorted(failure.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise ScenarioError(_sentence(errors[0], place, model)) from None
