"""Stages 3 to 6 on the recordings of laboratories."""

RECORDED_FOLDER = "results/{scenario}/recorded"


rule recorded:
    """From the tags of two recordings to the key and the Bell test."""
    input:
        notebook="notebooks/recorded.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        recordings=recordings,
    output:
        tags=directory(f"{RECORDED_FOLDER}/detection.zarr"),
        recording=f"{RECORDED_FOLDER}/recording.nc",
        coincidence=f"{RECORDED_FOLDER}/coincidence.nc",
        key=f"{RECORDED_FOLDER}/key.nc",
        bell=f"{RECORDED_FOLDER}/bell.nc",
        observables=expand(
            f"{RECORDED_FOLDER}/{{stage}}.observables.json",
            stage=("coincidence", "key", "bell"),
            allow_missing=True,
        ),
        figures=figures(
            "recorded",
            "health",
            "delay",
            "rate",
            "qber",
            "length",
            "correlation",
            "counts",
            folder=RECORDED_FOLDER,
        ),
        notebook=f"{RECORDED_FOLDER}/notebooks/recorded.ipynb",
    log:
        f"{RECORDED_FOLDER}/logs/recorded.log",
    wildcard_constraints:
        scenario=scenarios_of("entangled"),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=digest_of("notebooks/recorded.ipynb"),
        folder=RECORDED_FOLDER,
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p output {params.folder}"
        "    -p simulated_with ''"


use rule recorded as recorded_pulses with:
    # From the tags of a receiver of pulses and the transmitter's log to the key.
    output:
        tags=directory(f"{RECORDED_FOLDER}/detection.zarr"),
        recording=f"{RECORDED_FOLDER}/recording.nc",
        coincidence=f"{RECORDED_FOLDER}/coincidence.nc",
        key=f"{RECORDED_FOLDER}/key.nc",
        observables=expand(
            f"{RECORDED_FOLDER}/{{stage}}.observables.json",
            stage=("coincidence", "key"),
            allow_missing=True,
        ),
        figures=figures(
            "recorded",
            "health",
            "delay",
            "rate",
            "qber",
            "length",
            folder=RECORDED_FOLDER,
        ),
        notebook=f"{RECORDED_FOLDER}/notebooks/recorded.ipynb",
    wildcard_constraints:
        scenario=scenarios_of("decoy"),
