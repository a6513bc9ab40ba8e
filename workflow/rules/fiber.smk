"""Stage 7: would a fibre do?"""


rule fiber:
    """The same source and detectors through fibre."""
    input:
        notebook="notebooks/07_fiber.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        published=displayed_values,
        channel="results/{scenario}/channel.nc",
        key=f"results/{{scenario}}/run{SHOWN}/key.nc",
    output:
        data="results/{scenario}/fiber.nc",
        observables="results/{scenario}/fiber.observables.json",
        figures=figures("7 fiber", "fiber"),
        notebook="results/{scenario}/notebooks/07_fiber.ipynb",
    log:
        "results/{scenario}/logs/07_fiber.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("notebooks/07_fiber.ipynb"),
        figures="results/{scenario}/figures",
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p references data/reference"
        "    -p channel_data {input.channel}"
        "    -p key_data {input.key}"
        "    -p output {output.data}"
        "    -p figures {params.figures}"
