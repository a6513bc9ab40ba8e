"""docs/key-lengths.md says what the code gives now."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("key_lengths", DOCS / "key_lengths.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_current(script):
    page = (DOCS / "key-lengths.md").read_text()
    assert script.with_tables(page) == page


def test_a_page_without_a_place_for_a_table_is_refused(script, monkeypatch):
    monkeypatch.setattr(script, "TABLES", {"one": lambda: "| new |"})
    assert script.with_tables("<!-- one -->\n<!-- end -->") == "<!-- one -->\n| new |\n<!-- end -->"
    with pytest.raises(ValueError, match="no place for the table 'one'"):
        script.with_tables("nothing")


def test_only_the_printed_formula_gives_the_printed_key_of_yin2020(script):
    lengths = {bound: float(script.yin2020(bound, 1e-10).length) for bound in script.PAIR_BOUNDS if bound[0] != "a"}
    assert round(lengths.pop("yin2020")) == script.PRINTED["yin2020"]
    assert {bound: round(length) for bound, length in lengths.items()} == {
        "tomamichel2012": 0, "lim2021": 0, "hypergeometric": 44, "projected": 24,
    }  # fmt: skip


def test_no_certified_key_of_yin2020_passes_its_limits(script):
    equal = {"efficiency_mismatch": 0.0, "estimate_share": script.SHARES[:, 0]}
    certified = {bound: float(script.yin2020(bound, 1e-10, **equal).length.max()) for bound in script.PAIR_BOUNDS}
    rooted, any_proof = script.yin2020_limits(1e-10)
    assert certified["hypergeometric"] < certified["projected"] < rooted < any_proof < certified["asymptotic"]


def test_strictest_eps_is_where_the_bits_begin(script):
    # 100 bits for each decade that is given away, none at 1e-10.
    assert script.strictest_eps(lambda eps: 100.0 * (np.log10(eps) + 10.0), 250.0) == "3.2e-08"
    assert script.strictest_eps(lambda eps: 1.0, 1.0) == "any"
    assert script.strictest_eps(lambda eps: 0.0, 1.0) == "none"


def test_printed_keys_lie_within_the_spread(script):
    few, more = (
        script.liao2017("chernoff", pooled=True, f_ec=1.5, fluctuation=0.05, noise_rate_hz=hz) for hz in (800, 100)
    )
    assert few < script.PRINTED["liao2017"] < more
