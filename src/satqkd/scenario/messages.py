"""One sentence for each error of a user's file."""

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError


class ScenarioError(ValueError):
    """Bad input, said in one sentence that names file, key, value, bound and a way out."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))  # what it quotes may hold line breaks


def _known_keys(model: type[BaseModel], path: list[str | int]) -> list[str]:
    """The keys that the model has at a place, for the nearest valid one."""
    for part in path:
        if not isinstance(part, str) or not (isinstance(model, type) and part in model.model_fields):
            continue
        models = [m for m in _models(model.model_fields[part].annotation)]
        kinds = [m for m in models if getattr(m.model_fields.get("kind"), "annotation", None) is not None]
        model = (
            models[0]
            if not kinds
            else next((m for m in kinds if get_args(m.model_fields["kind"].annotation)[0] in path), kinds[0])
        )
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _sentence(error: dict, place: Path | str, model: type[BaseModel]) -> str:
    location = [
        part
        for i, part in enumerate(error["loc"])
        if part not in ("float", "[key]")
        and not (i == 1 and part in ("entangled", "decoy"))
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
    return f"{place}: {key}{shown} {verb}{message}{_bounds_hint(model, location)}"


def _describe(model: Any, location: list) -> str:
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) and isinstance(model, type) else None
        if field is None:
            continue
        if field.description:
            return field.description
        models = _models(field.annotation)
        model = models[0] if models else BaseModel
    return "see the schema"


def _bounds_hint(model: type[BaseModel], location: list) -> str:
    text = _describe(model, location)
    return "" if text == "see the schema" else f" ({location[-1] if location else ''}: {text})"


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], tree: dict, place: Path | str) -> Model:
    """Return the model of a mapping; of several errors, say the first in a sentence, unknown keys before all.

    Parameters
    ----------
    model : type
    tree : dict
    place : Path or str
        Where the mapping stands: how the sentence begins.

    Raises
    ------
    ScenarioError
        One sentence that names the place, the key, the value, the bound and a way out.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as failure:
        errors = sorted(failure.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise ScenarioError(_sentence(errors[0], place, model)) from None
