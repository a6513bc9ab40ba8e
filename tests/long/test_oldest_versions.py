"""The tests on the oldest versions that pyproject.toml claims."""

import re
import subprocess

import pytest

pytestmark = pytest.mark.long


def test_the_oldest_versions(root, renew):
    done = subprocess.run(["make", "test-oldest"], cwd=root, text=True, capture_output=True)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    (said,) = re.findall(r"^=* ?(\d+ passed.*?) in [\d.]+s", text, re.M)
    renew("oldest versions", f"{said}.")
