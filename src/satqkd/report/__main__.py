"""Write the pages of the report and the results in README.md: ``python -m satqkd.report -h``."""

import argparse
import sys
from pathlib import Path

from satqkd.files import finished
from satqkd.report import outdated, parameters_page, renew, validation_page, write_first_page
from satqkd.report.picture import EXPERIMENT, outdated_picture, renew_picture
from satqkd.scenario import ScenarioError, load_scenario
from satqkd.validation.stage import read_table

TABLE = "results/validation.csv"


def main(arguments: list[str] | None = None) -> int:
    """Write a page or renew the summary; return non-zero where the summary is out of date."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.report", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("parameters", "of a scenario"), ("validation", "of the validation table")):
        command = commands.add_parser(name, help=f"page {what}")
        command.add_argument("source", help="scenario file" if name == "parameters" else TABLE)
        command.add_argument("output", help="HTML file to write")
    command = commands.add_parser("results", help="first page of the results: results/report.html")
    command.add_argument("source", nargs="?", default="results", help="default: results")
    for name, what in (("readme", "renew"), ("check", "check")):
        command = commands.add_parser(name, help=f"{what} the summary and the picture in README.md")
        command.add_argument("source", nargs="?", default=TABLE, help=f"default: {TABLE}")
    given = parser.parse_args(arguments)
    try:
        return _done(given)
    except ScenarioError as error:
        raise SystemExit(str(error)) from None


def _done(given: argparse.Namespace) -> int:
    if given.command == "results":
        write_first_page(given.source)
        return 0
    if given.command == "parameters":
        _write(parameters_page(load_scenario(given.source)), given.output)
        return 0
    frame = read_table(given.source)
    if given.command == "validation":
        _write(validation_page(frame), given.output)
    elif given.command == "readme":
        renew(frame, Path())
        if EXPERIMENT in set(frame.scenario):
            renew_picture(Path(given.source).parent, Path())
    else:
        found = outdated(frame, Path())
        if EXPERIMENT in set(frame.scenario):
            found += outdated_picture(Path(given.source).parent, Path())
        for sentence in found:
            print(f"{sentence}: python -m satqkd.report readme renews README.md, docs/validation.* and docs/yin2020.*")
        return 1 if found else 0
    return 0


def _write(page: str, path: str) -> None:
    with finished(path) as draft:
        draft.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
