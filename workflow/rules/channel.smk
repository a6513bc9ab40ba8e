"""Stage 2: what does the link lose?"""


rule channel:
    """The link budget, second by second."""
    input:
        notebook="notebooks/02_channel.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        orbit="results/{scenario}/orbit.nc",
        code=stage_code("channel"),
    output:
        data="results/{scenario}/channel.nc",
        observables="results/{scenario}/channel.observables.json",
        attenuation=figure("attenuation", "2 channel"),
        budget=figure("budget", "2 channel"),
        notebook="results/{scenario}/notebooks/02_channel.ipynb",
    log:
        "results/{scenario}/logs/02_channel.log",
    benchmark:
        "results/{scenario}/benchmarks/02_channel.tsv"
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
        "    -p orbit_data {input.orbit}"
        "    -p output {output.data}"
        "    -p figures {params.figures}"
        "    > {log} 2>&1"
