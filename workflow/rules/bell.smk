"""Stage 6: is it entangled?"""


rule bell:
    """CHSH test, its locality, and fidelity."""
    input:
        notebook="notebooks/06_bell.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        published=displayed_values,
        orbit="results/{scenario}/orbit.nc",
        coincidence="results/{scenario}/run{run}/coincidence.nc",
    output:
        data="results/{scenario}/run{run}/bell.nc",
        observables="results/{scenario}/run{run}/bell.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/06_bell.ipynb",
    log:
        "results/{scenario}/run{run}/logs/06_bell.log",
    wildcard_constraints:
        run=OTHERS,
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("notebooks/06_bell.ipynb"),
        figures="",
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p references data/reference"
        "    -p orbit_data {input.orbit}"
        "    -p coincidence_data {input.coincidence}"
        "    -p output {output.data}"
        "    -p figures '{params.figures}'"


use rule bell as bell_shown with:
    output:
        data="results/{scenario}/run{run}/bell.nc",
        figures=figures(
            "6 bell", "correlation", "counts", "locality", folder=RUN_FOLDER
        ),
        observables="results/{scenario}/run{run}/bell.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/06_bell.ipynb",
    wildcard_constraints:
        run=SHOWN,
    params:
        code=digest_of("notebooks/06_bell.ipynb"),
        figures=f"{RUN_FOLDER}/figures",
