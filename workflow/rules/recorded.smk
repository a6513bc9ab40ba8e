"""Stages 3 to 6 on the recordings of two laboratories."""

RECORDED_FOLDER = "results/{scenario}/recorded"


rule recorded:
    """From the tags of two recordings to the key and the Bell test."""
    input:
        notebook="notebooks/recorded.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        recordings=recordings,
        code=[
            file
            for stage in ("orbit", "detection", "coincidence", "key", "bell")
            for file in stage_code(stage)
        ],
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
        delay=figure("delay", "recorded", RECORDED_FOLDER),
        rate=figure("rate", "recorded", RECORDED_FOLDER),
        qber=figure("qber", "recorded", RECORDED_FOLDER),
        length=figure("length", "recorded", RECORDED_FOLDER),
        correlation=figure("correlation", "recorded", RECORDED_FOLDER),
        counts=figure("counts", "recorded", RECORDED_FOLDER),
        notebook=f"{RECORDED_FOLDER}/notebooks/recorded.ipynb",
    log:
        f"{RECORDED_FOLDER}/logs/recorded.log",
    benchmark:
        f"{RECORDED_FOLDER}/benchmarks/recorded.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        folder=RECORDED_FOLDER,
    shell:
        "papermill {input.notebook} {output.notebook} --engine satqkd --log-output --no-progress-bar"
        "    -p scenario {input.scenario}"
        "    -p output {params.folder}"
        "    -p simulated_with ''"
        "    > {log} 2>&1"
