"""Find the data that come with the package: scenarios, element sets, plans, sweeps, published values."""

import difflib
import re
from pathlib import Path

from satqkd.scenario.messages import ScenarioError


def data_folder() -> Path:
    """Return the folder of the package's data: `satqkd/data` of an installed wheel, `data` of the repository.

    Examples
    --------
    >>> (data_folder() / "scenarios/liao2017.yaml").is_file()
    True
    """
    package = Path(__file__).parents[1]
    installed = package / "data"
    return installed if installed.is_dir() else package.parents[1] / "data"


def provided_names(folder: str) -> list[str]:
    """Return the names of the files in a folder of the data; a file counts if its key `name` is the file's.

    Examples
    --------
    >>> provided_names("plans")
    ['example']
    """
    return sorted(
        path.stem
        for path in (data_folder() / folder).glob("*.yaml")
        if re.search(rf"^name: {path.stem}\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    )


def beside_or_provided(path: Path) -> Path:
    """Return the path of a user's file or, where it is missing, of the data's file with the same folder and name.

    Examples
    --------
    >>> beside_or_provided(Path("nowhere/reference/yin2020.yaml")).is_file()
    True
    """
    provided = data_folder() / path.parent.name / path.name
    return provided if provided.is_file() and not path.is_file() else path


def neighbour(path: Path, name: str) -> Path:
    """Return the path of another scenario: in the folder of this one, or else in the package's data.

    Examples
    --------
    >>> neighbour(Path("nowhere/mine.yaml"), "yin2020").is_file()
    True
    """
    beside = path.with_name(f"{name}.yaml")
    return beside if beside.is_file() else data_folder() / "scenarios" / beside.name


def found(path: str | Path, folder: str, what: str) -> Path:
    """Return the path that a user means: a path unchanged, or for a plain word the file of that name in the data.

    Parameters
    ----------
    path : str or Path
        A path with a suffix or a folder, or a name.
    folder : str
        Of the data, such as "scenarios".
    what : str
        What the file should be, as in "a scenario".

    Raises
    ------
    ScenarioError
        If there is no such name; the sentence suggests the nearest and lists all.

    Examples
    --------
    >>> found("example", "plans", "a plan").name
    'example.yaml'
    """
    path = Path(path)
    if path.suffix or len(path.parts) != 1 or path.is_absolute():
        return path
    named = data_folder() / folder / f"{path}.yaml"
    if named.is_file():
        return named
    if path.exists():
        return path
    names = provided_names(folder)
    near = difflib.get_close_matches(str(path), names, 1, 0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ScenarioError(
        f"{path}: is not the name of {what}: {hint}known are {', '.join(names)}; or give the path of a YAML file"
    )
