"""Stage 4: which clicks belong together?"""


rule coincidence:
    """Recover the clocks, match, sift."""
    input:
        notebook="notebooks/04_coincidence.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        published=displayed_values,
        orbit="results/{scenario}/orbit.nc",
        tags="results/{scenario}/run{run}/detection.zarr",
    output:
        data="results/{scenario}/run{run}/coincidence.nc",
        observables="results/{scenario}/run{run}/coincidence.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/04_coincidence.ipynb",
    log:
        "results/{scenario}/run{run}/logs/04_coincidence.log",
    wildcard_constraints:
        run=OTHERS,
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1200,
        runtime=5,
    params:
        code=digest_of("notebooks/04_coincidence.ipynb"),
        figures="",
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p references data/reference"
        "    -p orbit_data {input.orbit}"
        "    -p tags {input.tags}"
        "    -p output {output.data}"
        "    -p figures '{params.figures}'"


use rule coincidence as coincidence_shown with:
    output:
        data="results/{scenario}/run{run}/coincidence.nc",
        figures=figures("4 coincidence", "delay", "rate", folder=RUN_FOLDER),
        observables="results/{scenario}/run{run}/coincidence.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/04_coincidence.ipynb",
    wildcard_constraints:
        run=SHOWN,
    params:
        code=digest_of("notebooks/04_coincidence.ipynb"),
        figures=f"{RUN_FOLDER}/figures",
