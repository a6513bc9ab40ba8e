"""The profiles say what Snakemake, Kubernetes and the rules understand; no cluster is needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "workflow/profiles"
KUBERNETES = PROFILES / "kubernetes"


@pytest.fixture(scope="module")
def options():
    """Long options of Snakemake itself."""
    text = subprocess.run(
        [Path(sys.executable).parent / "snakemake", "--help"], text=True, capture_output=True, check=True
    ).stdout
    return set(re.findall(r"--([a-z][a-z-]+)", text))


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_every_key_of_a_profile_is_an_option(name, options):
    keys = set(yaml.safe_load((PROFILES / name / "config.yaml").read_text()))
    own = {key for key in keys if key.startswith("slurm-")}  # the executor's, which need not be installed here
    assert keys - own <= options
    assert bool(own) == (name == "slurm")


def declared_mb():
    """What each rule declares."""
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    return [int(value) for value in re.findall(r"mem_mb=(\d+)", rules)]


def test_a_pod_has_what_its_profile_hands_out():
    profile = yaml.safe_load((KUBERNETES / "config.yaml").read_text())
    claim, job = yaml.safe_load_all((KUBERNETES / "job.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    requests, gibi = container["resources"]["requests"], 1024
    assert int(requests["cpu"]) == profile["cores"]
    memory_mb = int(requests["memory"].removesuffix("Gi")) * gibi
    assert max(declared_mb()) <= profile["resources"]["mem_mb"] < memory_mb
    assert container["resources"]["limits"]["memory"] == requests["memory"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {pod["volumes"][0]["name"]}
    assert container["args"] == ["all"]


def test_the_container_is_built_from_the_lock_and_from_files_that_are_there():
    recipe = (KUBERNETES / "Containerfile").read_text()
    assert "--require-hashes -r requirements.lock" in recipe
    copied = [name for line in re.findall(r"^COPY (.+)", recipe, re.M) for name in line.split()[:-1]]
    assert {"requirements.lock", "Snakefile", "src", "workflow", "data", "notebooks"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    (profile,) = re.findall(r'"--profile", "([^"]+)"', recipe)
    assert (ROOT / profile / "config.yaml").is_file()
    _, job = yaml.safe_load_all((KUBERNETES / "job.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    workdir = re.search(r"^WORKDIR (.+)", recipe, re.M)[1]
    assert all(mount["mountPath"].startswith(workdir) for mount in container["volumeMounts"])
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.M)[1]
    assert container["image"] == f"satqkd:{version}"
