"""Stage 2: what does the link lose?"""


rule channel:
    """The link budget, second by second."""
    input:
        notebook="notebooks/02_channel.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        published=displayed_values,
        orbit="results/{scenario}/orbit.nc",
    output:
        data="results/{scenario}/channel.nc",
        observables="results/{scenario}/channel.observables.json",
        figures=figures("2 channel", "attenuation", "budget", "contrast"),
        notebook="results/{scenario}/notebooks/02_channel.ipynb",
    log:
        "results/{scenario}/logs/02_channel.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("notebooks/02_channel.ipynb"),
        figures="results/{scenario}/figures",
        seed=SEED,
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p references data/reference"
        "    -p orbit_data {input.orbit}"
        "    -p output {output.data}"
        "    -p figures {params.figures}"
        "    -p seed {params.seed}"
