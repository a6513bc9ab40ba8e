"""Stage 6: is it entangled?"""


rule bell:
    """CHSH test, its locality, and fidelity."""
    input:
        notebook="notebooks/06_bell.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        orbit="results/{scenario}/orbit.nc",
        coincidence="results/{scenario}/run{run}/coincidence.nc",
        code=stage_code("bell"),
    output:
        data="results/{scenario}/run{run}/bell.nc",
        observables="results/{scenario}/run{run}/bell.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/06_bell.ipynb",
    log:
        "results/{scenario}/run{run}/logs/06_bell.log",
    benchmark:
        "results/{scenario}/run{run}/benchmarks/06_bell.tsv"
    wildcard_constraints:
        run=OTHERS,
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        figures="",
    shell:
        "papermill {input.notebook} {output.notebook} --engine satqkd --log-output --no-progress-bar"
        "    -p scenario {input.scenario}"
        "    -p orbit_data {input.orbit}"
        "    -p coincidence_data {input.coincidence}"
        "    -p output {output.data}"
        "    -p figures '{params.figures}'"
        "    > {log} 2>&1"


use rule bell as bell_shown with:
    output:
        data="results/{scenario}/run{run}/bell.nc",
        correlation=figure("correlation", "6 bell", RUN_FOLDER),
        counts=figure("counts", "6 bell", RUN_FOLDER),
        locality=figure("locality", "6 bell", RUN_FOLDER),
        observables="results/{scenario}/run{run}/bell.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/06_bell.ipynb",
    wildcard_constraints:
        run=SHOWN,
    params:
        figures=f"{RUN_FOLDER}/figures",
