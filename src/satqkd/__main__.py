"""Run the command `satqkd` as `python -m satqkd`."""

from satqkd.command.main import main

if __name__ == "__main__":
    main(prog_name="satqkd")
