"""`python -m satqkd`: the same as the command `satqkd`."""

from satqkd.command.main import main

if __name__ == "__main__":
    main(prog_name="satqkd")
