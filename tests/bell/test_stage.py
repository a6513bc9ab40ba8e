"""Stage 6 on counts of ideal and of simulated states."""

import numpy as np
import pytest
import xarray as xr

from satqkd.bell import bell_test, chsh, observables
from satqkd.bell.figures import correlation_figure, counts_figure
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.dataset import load, save
from satqkd.detection.source import BELL_STATES, joint_probabilities, werner_state

ANGLES = {"state": ([0, 45], [0, 45]), "bell": ([0, 45], [22.5, 67.5])}
TRIALS = 1_000_000


def counted(state, fidelity, names=("state", "bell")):
    """Expected counts of a state, as stage 4 tabulates them."""
    angles = [np.deg2rad(ANGLES[name]) for name in names]
    born = [joint_probabilities(werner_state(state, fidelity), *pair) for pair in angles]
    counts = [np.rint(p * TRIALS).astype(int) for p in born]
    settings = ("alice_setting", "bob_setting")
    return xr.Dataset(
        {
            "counts": (("measurement", *settings, "alice_outcome", "bob_outcome"), np.array(counts)),
            "ideal_correlation": (
                ("measurement", *settings),
                np.array([ideal_correlation(state, *pair) for pair in angles]),
            ),
        },
        coords={"measurement_name": ("measurement", list(names))},
        attrs={"run": 1, "seed": 2},
    )


@pytest.mark.parametrize("fidelity", [1.0, 0.9, 0.7])
@pytest.mark.parametrize("state", BELL_STATES)
def test_signs_of_each_bell_state_make_s_positive_and_largest(missions, state, fidelity):
    data = bell_test(missions["yin2017"], counted(state, fidelity))
    weight = (4 * fidelity - 1) / 3
    assert float(data.s) == pytest.approx(2 * np.sqrt(2) * weight, abs=1e-4)
    assert (data.sign.values == np.sign(data.ideal.values)).all()
    # A CHSH sum has one sign unlike the others.
    assert abs(data.sign.values.sum()) == 2
    np.testing.assert_allclose(data.e, weight * data.ideal, atol=1e-5)
    assert float(data.trials) == 4 * TRIALS


@pytest.mark.parametrize("fidelity", [1.0, 0.9, 0.5])
@pytest.mark.parametrize("state", BELL_STATES)
def test_visibilities_bound_the_fidelity(missions, state, fidelity):
    """Of a Werner state both visibilities are its weight; their mean bounds the fidelity, which white noise gives."""
    data = bell_test(missions["yin2017"], counted(state, fidelity))
    weight = (4 * fidelity - 1) / 3
    np.testing.assert_allclose(data.visibility, weight, atol=1e-5)
    assert float(data.fidelity_bound) == pytest.approx(weight, abs=1e-5)
    assert float(data.fidelity_bound) <= fidelity + 1e-5
    assert float(data.fidelity_white_noise) == pytest.approx(fidelity, abs=1e-5)
    assert float(data.fidelity_white_noise_sigma) == pytest.approx(0.75 * float(data.fidelity_bound_sigma))


def test_signs_do_not_follow_the_outcome(missions):
    """Counts of the opposite state: the sum comes out negative, and is not turned round."""
    data = counted("psi_plus", 0.95)
    data["counts"] = data.counts[..., ::-1]
    result = bell_test(missions["yin2017"], data)
    assert float(result.s) < -2
    assert float(result.p_value) == pytest.approx(1)
    assert observables(result)["bell_violation"][0] < 0


def test_the_test_is_that_of_chsh_on_the_bell_measurement(missions, bright):
    data = bell_test(bright.scenario, bright.coincidence)
    counts = bright.coincidence.counts.values[1].reshape(4, 4)
    ideal = bright.coincidence.ideal_correlation.values[1].ravel()
    result = chsh(counts, signs=tuple(np.sign(ideal).astype(int)))
    values = {name: value for name, (value, _) in observables(data).items()}
    assert values["chsh_s"] == result.s > 2
    assert values["bell_trials"] == result.trials == counts.sum()
    assert values["bell_violation"] == result.n_sigma
    assert values["equal_basis_coincidences"] == bright.coincidence.counts.values[0][[0, 1], [0, 1]].sum()
    visibility = float(data.visibility[1])
    assert values["contrast_diagonal"] == pytest.approx((1 + visibility) / (1 - visibility))


def test_without_a_bell_measurement_there_is_only_a_fidelity(missions):
    data = bell_test(missions["yin2017"], counted("psi_plus", 0.9, names=("state",)))
    assert set(observables(data)) == {
        "fidelity_bound",
        "fidelity_white_noise",
        "contrast_diagonal",
        "equal_basis_coincidences",
    }
    assert "s" not in data


def test_a_setting_without_a_coincidence_leaves_no_s(missions):
    data = counted("psi_plus", 0.9)
    data.counts[1, 0, 1] = 0
    found = bell_test(missions["yin2017"], data)
    assert np.isnan(found.e.values).tolist() == [False, True, False, False]
    assert np.isnan([found.s, found.sigma, found.n_sigma]).all() and found.p_value == 1
    assert found.trials == 3 * TRIALS and float(found.fidelity_bound) > 0
    assert np.isnan(observables(found)["chsh_s"][0])
    assert "No $S$" in correlation_figure(found).get_suptitle()


@pytest.mark.parametrize("basis", [0, 1])
def test_a_basis_without_a_coincidence_leaves_no_fidelity(missions, basis):
    data = counted("psi_plus", 0.9)
    data.counts[0, basis, basis] = 0
    found = bell_test(missions["yin2017"], data)
    assert np.isnan(found.visibility.values).tolist() == [basis == 0, basis == 1]
    assert np.isnan(found.fidelity_bound) and np.isnan(found.fidelity_white_noise)
    assert counts_figure(found) and float(found.s) > 2


def test_no_coincidence_at_all_is_an_answer(missions, tmp_path):
    data = counted("psi_plus", 0.9)
    data["counts"] = 0 * data.counts
    found = bell_test(missions["yin2017"], data)
    values = {name: value for name, (value, _) in observables(found).items()}
    assert values["bell_trials"] == values["equal_basis_coincidences"] == 0
    assert np.isnan([values["chsh_s"], values["bell_violation"], values["contrast_diagonal"]]).all()
    save(found, tmp_path / "bell.nc")
    xr.testing.assert_identical(load(tmp_path / "bell.nc"), found)


def test_files_keep_everything(bright, tmp_path):
    data = bell_test(bright.scenario, bright.coincidence)
    save(data, tmp_path / "bell.nc")
    xr.testing.assert_identical(load(tmp_path / "bell.nc"), data)
    assert data.counts.dims == ("setting", "outcome")
    assert data.attrs["stage"] == "bell"
    assert all(values.attrs["long_name"] for values in data.data_vars.values())
