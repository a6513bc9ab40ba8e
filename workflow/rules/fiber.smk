"""Stage 7: would a fibre do?"""


rule fiber:
    """The same source and detectors through fibre."""
    input:
        notebook="notebooks/07_fiber.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        channel="results/{scenario}/channel.nc",
        key=f"results/{{scenario}}/run{SHOWN}/key.nc",
        code=stage_code("fiber"),
    output:
        data="results/{scenario}/fiber.nc",
        observables="results/{scenario}/fiber.observables.json",
        fiber=figure("fiber", "7 fiber"),
        notebook="results/{scenario}/notebooks/07_fiber.ipynb",
    log:
        "results/{scenario}/logs/07_fiber.log",
    benchmark:
        "results/{scenario}/benchmarks/07_fiber.tsv"
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
        "    -p channel_data {input.channel}"
        "    -p key_data {input.key}"
        "    -p output {output.data}"
        "    -p figures {params.figures}"
        "    > {log} 2>&1"
