"""Stage 3: what clicks?"""


rule detection:
    """Time tags of every station."""
    input:
        notebook="notebooks/03_detection.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        published=displayed_values,
        orbit="results/{scenario}/orbit.nc",
        channel="results/{scenario}/channel.nc",
    output:
        data=directory("results/{scenario}/run{run}/detection.zarr"),
        truth="results/{scenario}/run{run}/truth.nc",
        observables="results/{scenario}/run{run}/detection.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/03_detection.ipynb",
    log:
        "results/{scenario}/run{run}/logs/03_detection.log",
    wildcard_constraints:
        run=OTHERS,
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        code=digest_of("notebooks/03_detection.ipynb"),
        figures="",
        seed=SEED,
        run=lambda wildcards: wildcards.run,
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p references data/reference"
        "    -p orbit_data {input.orbit}"
        "    -p channel_data {input.channel}"
        "    -p output {output.data}"
        "    -p truth {output.truth}"
        "    -p figures '{params.figures}'"
        "    -p seed {params.seed}"
        "    -p run {params.run}"


use rule detection as detection_shown with:
    output:
        data=directory("results/{scenario}/run{run}/detection.zarr"),
        truth="results/{scenario}/run{run}/truth.nc",
        figures=figures("3 detection", "photons", folder=RUN_FOLDER),
        observables="results/{scenario}/run{run}/detection.observables.json",
        notebook="results/{scenario}/run{run}/notebooks/03_detection.ipynb",
    wildcard_constraints:
        run=SHOWN,
    params:
        code=digest_of("notebooks/03_detection.ipynb"),
        figures=f"{RUN_FOLDER}/figures",
        seed=SEED,
        run=lambda wildcards: wildcards.run,
