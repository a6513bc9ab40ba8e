"""The site of the documentation, for Sphinx: `make docs`.

The root of the sources is the root of the project, so that a relative link leads to the same page here and on GitHub.
Nothing is executed and nothing is fetched: the notebooks and figures are those of `make results`.
"""

import os
import sys
from pathlib import Path

import papermill  # noqa: F401  loads satqkd.workflow.engine itself, as its plug-in, and has to come first
import yaml

# Compiled functions show autodoc neither signature nor docstring.
os.environ["NUMBA_DISABLE_JIT"] = "1"
# The docstrings say the types, in fewer words than the annotations: array_like is six types.
autodoc_typehints = "none"

sys.path.insert(0, str(Path(__file__).parent))

project = "satqkd"
author = "the authors of satqkd"
root_doc = "README"
extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
]

# Which files are pages; docs/site is written by docs/pages.py.
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "paper.md",
    "workflow/README.md",
    "CHANGELOG.md",
    "data/*/README.md",
    "docs/*.md",
    "docs/physics/*.md",
    "docs/site/**",
    "results/README.md",
    "results/notebooks/08*.ipynb",
]
CONFIG = Path(__file__).parents[1] / "workflow/config.yaml"
for scenario in yaml.safe_load(CONFIG.read_text())["scenarios"]:
    include_patterns += [f"results/{scenario}/notebooks/*.ipynb", f"results/{scenario}/run1/notebooks/*.ipynb"]
exclude_patterns = [".*", "results/site", "**.zarr"]  # not even looked through

# The contents, for the bar above and the one on the left. They are not in the pages, which are read on GitHub as well.
CONTENTS = {
    "README": [
        "Use it <docs/README>",
        "Physics <docs/physics/README>",
        "API <docs/site/api/index>",
        "Experiments <docs/site/experiments>",
        "Figures <docs/site/figures>",
        "Develop <CONTRIBUTING>",
    ],
    "docs/README": [
        "tutorial",
        "your-own-mission",
        "planner",
        "uncertainty",
        "recordings",
        "attacks",
        "count-tables",
        "clusters",
        "scenario-keys",
        "Scenario files <../data/scenarios/README>",
        "Element sets <../data/orbits/README>",
        "Published values <../data/reference/README>",
        "../data/map/README",
        "../data/recordings/README",
        "../data/counts/README",
        "../data/calibration/README",
        "../results/README",
    ],
    "docs/physics/README": [
        "orbit",
        "channel",
        "detection",
        "coincidence",
        "key",
        "bell",
        "counts",
        "fiber",
        "validation",
        "calibration",
        "planner",
        "figures",
        "printed",
        "../key-lengths",
        "../proofs",
        "../soundness",
    ],
    "CONTRIBUTING": [
        "docs/design",
        "docs/reliability",
        "docs/benchmarks",
        "docs/dependencies",
        "paper",
        "workflow/README",
        "CHANGELOG",
    ],
}


def add_contents(app, page, source):
    """Append the contents below a page to its source."""
    if page in CONTENTS:
        source[0] += "\n".join(["\n", "```{toctree}", ":hidden:", "", *CONTENTS[page], "```", ""])


def add_pictures(app, page, source):
    """Show the figures that a page on the physics names."""
    from gallery import with_pictures  # after NUMBA_DISABLE_JIT

    if page.startswith("docs/physics/"):
        source[0] = with_pictures(source[0])


def setup(app):
    app.connect("source-read", add_contents)
    app.connect("source-read", add_pictures)


templates_path = ["templates"]
autosummary_generate = False
suppress_warnings = ["autosummary.import_cycle"]  # a package lists what its own modules define
autodoc_default_options = {"exclude-members": "set"}  # matplotlib writes one into each class of figures
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
add_module_names = False
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

nb_execution_mode = "off"
nb_output_stderr = "remove"
nb_ipywidgets_js = {}  # from other hosts
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
myst_title_to_header = True  # of paper.md

html_theme = "pydata_sphinx_theme"
html_title = project
html_context = {"default_mode": "auto"}
html_additional_pages = {"index": "start.html"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a browser does not let a page read others from the disk
html_theme_options = {
    "navbar_start": ["logo.html"],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
}
