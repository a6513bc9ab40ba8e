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


def folder_beside(path: Path, folder: str) -> Path:
    """Return the folder beside that of a user's file, as data/orbits is beside data/scenarios.

    Examples
    --------
    >>> folder_beside(Path("data/scenarios/mine.yaml"), "orbits").as_posix()
    'data/orbits'
    """
    own = path.parent if path.parent.name not in ("", "..") else path.parent.resolve()
    return own.parent / folder


def named_file(path: Path, name: str, folder: str, what: str, *, beside_first: bool = False) -> Path:
    """Return the file that a plan or a sweep names: in the folder beside its own, beside it, or in the package's data.

    Parameters
    ----------
    path : Path
        The plan or the sweep, which does not name itself.
    name : str
    folder : str
        Such as "scenarios".
    what : str
        What `path` is, as in "plan".
    beside_first : bool
        Whether a file beside `path` comes first. A scenario beside a sweep might be another sweep of its name.

    Raises
    ------
    ScenarioError
        The end of a sentence, where there is no such file.

    Examples
    --------
    >>> named_file(Path("nowhere/mine.yaml"), "yin2020.yaml", "scenarios", "plan").is_file()
    True
    """
    folders = [folder_beside(path, folder), path.parent, data_folder() / folder]
    if beside_first:
        folders[:2] = folders[1::-1]
    for file in (place / name for place in folders):
        if file.is_file() and file != path:
            return file
    hint = did_you_mean(name, [file.name for place in folders for file in place.glob("*") if file != path])
    raise ScenarioError(
        f"names the file {name}, found neither beside the {what} nor in {folder_beside(path, folder)}: "
        f"{hint}put the file there"
    )


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a question about the nearest known name, for the end of a sentence; empty where none is near.

    Suffixes are not compared: all scenarios have the same.

    Examples
    --------
    >>> did_you_mean("yin2002.yaml", ["liao2017.yaml", "yin2020.yaml"])
    'did you mean yin2020.yaml? '
    """
    by_stem = {Path(one).stem: one for one in known}
    near = difflib.get_close_matches(Path(name).stem, by_stem, 1, 0.6)
    return f"did you mean {by_stem[near[0]]}? " if near else ""


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
    raise ScenarioError(
        f"{path}: is not the name of {what}: {did_you_mean(str(path), names)}known are {', '.join(names)}; or give the "
        "path of a YAML file"
    )
