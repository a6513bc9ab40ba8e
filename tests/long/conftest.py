"""What the long tests find stands in docs/reliability.md."""

import subprocess
from datetime import date

import pytest

GIT = ("git", "describe", "--always", "--dirty= with uncommitted changes", "--abbrev=12")


@pytest.fixture(scope="session")
def renew(root):
    """Write a part of the page anew: first the day and the commit, as it is before the page changes."""
    commit = subprocess.check_output(GIT, cwd=root, text=True).strip()

    def written(part: str, text: str) -> None:
        page = root / "docs/reliability.md"
        before, begin, rest = page.read_text().partition(f"<!-- {part} -->\n")
        _, end, after = rest.partition(f"<!-- end of {part} -->")
        assert begin and end, part
        page.write_text(f"{before}{begin}Last run on {date.today()} at commit {commit}: {text}\n{end}{after}")

    return written
