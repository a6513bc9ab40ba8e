"""What the key depends on."""

import numpy as np
import pytest

from satqkd.analytic import expected
from satqkd.key import bbm92_key_length
from satqkd.overview import sensitivity, sensitivity_figure


@pytest.fixture(scope="module")
def tables(missions, orbits):
    return {name: sensitivity(missions[name], orbits[name]) for name in ("yin2020", "tiangong2")}


@pytest.mark.parametrize("name", ["yin2020", "tiangong2"])
def test_key_rises_with_aperture_and_rate_and_falls_with_divergence_and_noise(tables, missions, name):
    table = tables[name]
    rate = "pulse_rate_hz" if name == "tiangong2" else "pair_rate_hz"
    assert list(table.parameter.unique()) == ["aperture_m", "divergence_urad", rate, "background_hz"]
    for parameter, sign in (("aperture_m", 1), ("divergence_urad", -1), (rate, 1), ("background_hz", -1)):
        some = table[(table.parameter == parameter) & (table.bound == missions[name].key.bound)]
        assert (np.diff(some.value) > 0).all()
        assert (sign * np.diff(some.bits_per_pass) >= -1e-9 * some.bits_per_pass.max()).all()
        assert some.bits_per_pass.max() > 0


def test_no_finite_key_is_longer_than_the_asymptotic_one(tables):
    for table in tables.values():
        wide = table.pivot_table(index=["parameter", "value"], columns="bound", values="bits_per_pass")
        assert (wide.drop(columns="asymptotic").to_numpy() <= wide[["asymptotic"]].to_numpy() + 1e-9).all()


def test_the_scenario_itself_is_the_same_in_every_panel(tables, missions, channels):
    scenario = missions["yin2020"]
    nominal = tables["yin2020"].query("nominal and bound == 'asymptotic'")
    assert len(nominal) == 3 and nominal.bits_per_pass.nunique() == 1
    # The chain's own expectation, all seconds of the key measurement: 12 passes.
    chain = expected(scenario, channels["yin2020"])
    n, e = chain["key_coincidences"] / 4, (chain["qber_z"], chain["qber_x"])
    proof = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": scenario.key.f_ec, "bound": "asymptotic"}
    proof["efficiency_mismatch"] = scenario.key.efficiency_mismatch
    whole = bbm92_key_length(n_z=n, n_x=n, errors_z=n * e[0], errors_x=n * e[1], **proof).length
    measured = channels["yin2020"].isel(time=channels["yin2020"].measurement.values == 0)
    passes = np.unique(measured.session_number).size
    # Every tenth second, and the expected error rate is that of all seconds, the Bell test's included.
    assert nominal.bits_per_pass.iloc[0] * passes == pytest.approx(float(whole), rel=0.05)


def test_no_beam_is_narrower_than_diffraction_allows(tables, missions):
    """A quarter of 35 urad is within what 0.2 m allow; 10 urad of 0.18 m can become 8.5."""
    narrowest = {name: table.query("parameter == 'divergence_urad'").value.min() for name, table in tables.items()}
    assert narrowest == {
        "tiangong2": pytest.approx(35 / 4),
        "yin2020": pytest.approx(1e6 * missions["yin2020"].transmitter.narrowest_divergence_rad),
    }


def test_points_without_key_are_drawn_at_zero(tables):
    figure = sensitivity_figure(tables["yin2020"])
    aperture = figure.axes[0].lines[0]
    some = tables["yin2020"].query("parameter == 'aperture_m' and bound == 'yin2020'").bits_per_pass.to_numpy()
    assert aperture.get_ydata().tolist() == some.tolist()
    assert (some == 0).any() and (some > 0).any()


def test_every_point_lies_within_the_axes(tables):
    for table in tables.values():
        # As of a mission that has key at one value alone.
        one = table.assign(bits_per_pass=table.bits_per_pass.where(table.nominal, 0))
        for figure in map(sensitivity_figure, (table, one)):
            for axis in figure.axes:
                low, high = axis.get_ylim()
                points = np.concatenate([line.get_ydata() for line in axis.lines])
                assert low < points.min() and points.max() < high
