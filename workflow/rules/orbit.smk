"""Stage 1: where is the satellite?"""


rule orbit:
    """Find the passes that a scenario can use."""
    input:
        notebook="notebooks/01_orbit.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        published=displayed_values,
        elements=element_sets,
    output:
        data="results/{scenario}/orbit.nc",
        observables="results/{scenario}/orbit.observables.json",
        figures=figures("1 orbit", "ranges", "sky", "polarization"),
        notebook="results/{scenario}/notebooks/01_orbit.ipynb",
    log:
        "results/{scenario}/logs/01_orbit.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("notebooks/01_orbit.ipynb"),
        figures="results/{scenario}/figures",
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p references data/reference"
        "    -p output {output.data}"
        "    -p figures {params.figures}"
