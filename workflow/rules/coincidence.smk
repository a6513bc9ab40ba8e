"""Stage 4: which clicks belong together?"""


rule coincidence:
    """Recover the clocks, match, sift."""
    input:
        notebook="notebooks/04_coincidence.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        orbit="results/{scenario}/orbit.nc",
        tags="results/{scenario}/run{run}/detection.zarr",
        code=stage_code("coincidence"),
    output:
        data="results/{scenario}/run{run}/coincidence.nc",
        observables="results/{scenario}/run{run}/coincidence.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/04_coincidence.ipynb",
    log:
        "results/{scenario}/run{run}/logs/04_coincidence.log",
    benchmark:
        "results/{scenario}/run{run}/benchmarks/04_coincidence.tsv"
    wildcard_constraints:
        run=OTHERS,
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1200,
        runtime=5,
    params:
        figures="",
    shell:
        "papermill {input.notebook} {output.notebook} --engine satqkd --log-output --no-progress-bar"
        "    -p scenario {input.scenario}"
        "    -p orbit_data {input.orbit}"
        "    -p tags {input.tags}"
        "    -p output {output.data}"
        "    -p figures '{params.figures}'"
        "    > {log} 2>&1"


use rule coincidence as coincidence_shown with:
    output:
        data="results/{scenario}/run{run}/coincidence.nc",
        delay=figure("delay", "4 coincidence", RUN_FOLDER),
        rate=figure("rate", "4 coincidence", RUN_FOLDER),
        observables="results/{scenario}/run{run}/coincidence.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/04_coincidence.ipynb",
    wildcard_constraints:
        run=SHOWN,
    params:
        figures=f"{RUN_FOLDER}/figures",
