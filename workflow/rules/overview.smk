"""Overview of a mission, and every figure of the paper that it is compared with."""

# The papers that compare their apparatus with an earlier one.
PREVIOUS = {"yin2020": "yin2017"}


def paper_figures(scenario):
    """Return the names of the figures' files: those that have a caption."""
    reference = MISSIONS[scenario].reference
    captions = sorted(Path("workflow/report/papers").glob(f"{reference}_*.rst"))
    return [path.stem.removeprefix(f"{reference}_") for path in captions]


def previous_channel(scenario):
    wanted = PREVIOUS.get(MISSIONS[scenario].reference)
    found = [name for name in MISSIONS if wanted and MISSIONS[name].reference == wanted]
    return [f"results/{name}/channel.nc" for name in found[:1]]


def paper_file(scenario, name, suffix):
    """Return a figure of a paper, or the table behind it, with the figure's caption in the report."""
    caption = f"{MISSIONS[scenario].reference}_{name}"
    return report(
        f"results/{scenario}/papers/{name}.{suffix}",
        caption=f"../report/papers/{caption if name != 'deviations' else name}.rst",
        category=scenario,
        subcategory="papers",
        labels={"figure": name, "as": "data" if suffix == "csv" else "figure"},
    )


def overview_figure(scenario, name):
    return report(
        f"results/{scenario}/figures/{name}.svg",
        caption=f"../report/{name}.rst",
        category=scenario,
        subcategory="overview",
        labels={"figure": name},
    )


for scenario in MISSIONS:

    rule:
        name:
            f"overview_{scenario}"
        input:
            notebook="notebooks/overview.ipynb",
            scenario=f"data/scenarios/{scenario}.yaml",
            shared=shared_files(MISSIONS[scenario]),
            references=reference_files(scenario),
            land="data/map/land.csv",
            elements=[
                str(MISSIONS[scenario].file(name))
                for name in (
                    MISSIONS[scenario].orbit.elements,
                    MISSIONS[scenario].orbit.survey,
                )
                if name
            ],
            orbit=f"results/{scenario}/orbit.nc",
            channel=f"results/{scenario}/channel.nc",
            previous=previous_channel(scenario),
            shown=[
                f"results/{scenario}/figures/{name}.png"
                for name in ("ranges", "budget")
            ],
            observables=[
                f"results/{scenario}/{stage}.observables.json"
                for stage in ("orbit", "channel", "fiber")
            ]
            + run_results(scenario),
            runs=expand(
                "results/{scenario}/run{run}/{file}",
                scenario=scenario,
                run=RUNS,
                file=["detection.zarr"]
                + [f"{stage}.nc" for stage in run_stages(scenario)[1:]],
            ),
        output:
            figures=[
                overview_figure(scenario, "map"),
                overview_figure(scenario, "sensitivity"),
            ],
            sensitivity=f"results/{scenario}/figures/sensitivity.csv",
            observables=f"results/{scenario}/overview.observables.json",
            papers=[
                paper_file(scenario, name, suffix)
                for name in paper_figures(scenario)
                for suffix in ("svg", "csv")
            ],
            pngs=[
                f"results/{scenario}/{file}.png"
                for file in ("figures/map", "figures/sensitivity")
                + tuple(f"papers/{name}" for name in paper_figures(scenario))
            ],
            deviations=[
                paper_file(scenario, "deviations", "csv")
                for _ in paper_figures(scenario)[:1]
            ],
            notebook=f"results/{scenario}/notebooks/overview.ipynb",
        log:
            f"results/{scenario}/logs/overview.log",
        conda:
            "../../environment.yml"
        resources:
            mem_mb=1000,
            runtime=5,
        params:
            code=digest_of("notebooks/overview.ipynb"),
            results=lambda wildcards, output: Path(output.notebook).parents[1],
        shell:
            "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
            "    -p scenario {input.scenario}"
            "    -p references data/reference"
            "    -p results {params.results}"
            "    -p previous '{input.previous}'"
