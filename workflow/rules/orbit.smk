"""Stage 1: where is the satellite?"""


rule orbit:
    """Find the passes that a scenario can use."""
    input:
        notebook="notebooks/01_orbit.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        elements=element_sets,
        code=stage_code("orbit"),
    output:
        data="results/{scenario}/orbit.nc",
        observables="results/{scenario}/orbit.observables.json",
        ranges=figure("ranges", "1 orbit"),
        sky=figure("sky", "1 orbit"),
        polarization=figure("polarization", "1 orbit"),
        notebook="results/{scenario}/notebooks/01_orbit.ipynb",
    log:
        "results/{scenario}/logs/01_orbit.log",
    benchmark:
        "results/{scenario}/benchmarks/01_orbit.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        figures="results/{scenario}/figures",
    shell:
        "papermill {input.notebook} {output.notebook} --engine satqkd --log-output --no-progress-bar"
        "    -p scenario {input.scenario}"
        "    -p output {output.data}"
        "    -p figures {params.figures}"
        "    > {log} 2>&1"
