"""Each kind of noise on a table whose statistics are known beforehand."""

import dataclasses

import numpy as np
import pytest

from tf_poselift import config
from tf_poselift import skeletons
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import synthetic

SKELETON = skeletons.load("human36m_17")
ARRAYS = ("keypoints_2d", "scores")


@pytest.fixture(scope="module")
def table():
    """400 rows, 3 views, 17 joints: 20,400 joints; one of them missing."""
    made = synthetic.table(SKELETON, clips=4, frames=100, views=3)
    made.scores[7, 1, 3] = 0.0
    return made


def offsets(table, seed=0, **fields) -> np.ndarray:
    noisy = noise_lib.apply(table, noise_lib.Noise(**fields), seed=seed)
    return noisy.keypoints_2d - table.keypoints_2d


def test_pixels_are_the_deviation_of_x_and_of_y(table):
    moved = offsets(table, pixels=5.0)
    # 20,400 draws: the mean is within 0.035 (1 s.d.) of 0, the deviation
    # within 0.025 of 5; bounds at 5 s.d.
    for axis in range(2):
        assert abs(moved[..., axis].mean()) < 0.18
        assert abs(moved[..., axis].std() - 5.0) < 0.13
    correlation = np.corrcoef(moved[..., 0].ravel(), moved[..., 1].ravel())
    assert abs(correlation[0, 1]) < 0.035


def test_views_rows_and_joints_err_independently(table):
    moved = offsets(table, pixels=5.0)[..., 0]
    pairs = {
        "views": (moved[:, 0], moved[:, 1]),
        "rows": (moved[:-1], moved[1:]),
        "joints": (moved[..., :-1], moved[..., 1:]),
    }
    for name, (one, other) in pairs.items():
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 0.06, name


def test_an_outlier_moves_far_and_loses_score(table):
    noise = noise_lib.Noise(
        outliers=0.1, outlier_pixels=80.0, outlier_score=0.25
    )
    noisy = noise_lib.apply(table, noise, seed=0)
    moved = noisy.keypoints_2d - table.keypoints_2d
    outlier = (moved != 0.0).any(axis=-1)
    assert abs(outlier.mean() - 0.1) < 0.011  # 5 s.d. of 20,400 draws
    assert abs(moved[outlier].std() - 80.0) < 5.0
    np.testing.assert_array_equal(
        noisy.scores, np.where(outlier, 0.25 * table.scores, table.scores)
    )


def test_missing_joints_have_score_0_and_stay_missing(table):
    noisy = noise_lib.apply(table, noise_lib.Noise(missing=0.2), seed=0)
    assert abs((noisy.scores == 0).mean() - 0.2) < 0.015
    kept = noisy.scores > 0
    np.testing.assert_array_equal(noisy.scores[kept], table.scores[kept])
    np.testing.assert_array_equal(noisy.keypoints_2d, table.keypoints_2d)
    for seed in range(3):
        noise = noise_lib.Noise(pixels=3.0, outliers=1.0, missing=0.5)
        noisy = noise_lib.apply(table, noise, seed=seed)
        assert noisy.scores[7, 1, 3] == 0.0


def test_no_noise_leaves_everything_as_it_is(table):
    noisy = noise_lib.apply(table, noise_lib.Noise(), seed=0)
    for name in ARRAYS:
        np.testing.assert_array_equal(
            getattr(noisy, name), getattr(table, name)
        )


def test_the_table_itself_and_its_3d_are_left_alone(table):
    before = {name: getattr(table, name).copy() for name in ARRAYS}
    noise = noise_lib.Noise(pixels=5.0, outliers=0.1, missing=0.1)
    noisy = noise_lib.apply(table, noise, seed=0)
    for field in dataclasses.fields(table):
        if field.name not in ARRAYS:
            assert getattr(noisy, field.name) is getattr(table, field.name)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(table, name), before[name])
        assert getattr(noisy, name).dtype == np.float32


def test_a_function_of_seed_and_example_alone(table, monkeypatch):
    noise = noise_lib.Noise(pixels=5.0, outliers=0.1, missing=0.1)
    whole = noise_lib.apply(table, noise, seed=3)
    monkeypatch.setattr(noise_lib, "_EXAMPLES_AT_ONCE", 7)
    pieces = noise_lib.apply(table, noise, seed=3)
    other = noise_lib.apply(table, noise, seed=4)
    for name in ARRAYS:
        one = getattr(whole, name)
        np.testing.assert_array_equal(one, getattr(pieces, name))
        assert (one != getattr(other, name)).any()


def test_each_kind_is_drawn_by_itself(table):
    """More of one kind does not change the draws of another."""
    few = noise_lib.apply(table, noise_lib.Noise(missing=0.1), seed=0)
    noise = noise_lib.Noise(pixels=5.0, outliers=0.3, missing=0.1)
    many = noise_lib.apply(table, noise, seed=0)
    np.testing.assert_array_equal(few.scores == 0, many.scores == 0)
    double = offsets(table, pixels=10.0) / offsets(table, pixels=5.0)
    np.testing.assert_allclose(np.median(double), 2.0, atol=1e-3)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("pixels=-1", "`pixels` of the noise must be finite and at least 0"),
        ("outlier_pixels=-2", "`outlier_pixels` .* Received: -2.0"),
        ("outliers=1.5", r"`outliers` of the noise must be in \[0, 1\]"),
        ("outlier_score=2", r"`outlier_score` .* in \[0, 1\]. Received: 2.0"),
        ("missing=-0.1", r"`missing` of the noise must be in \[0, 1\]"),
        ("pixel=3", "Unknown field `pixel` .*missing, outlier_pixels"),
        ("pixels=nan", "`pixels` must be finite. Received: `nan`"),
    ],
)
def test_values_out_of_range_are_refused(assignment, words):
    with pytest.raises(ValueError, match=words):
        config.override(noise_lib.Noise(), [assignment])


def test_nan_is_refused():
    with pytest.raises(ValueError, match="`pixels` .* Received: nan"):
        noise_lib.Noise(pixels=float("nan"))
    with pytest.raises(ValueError, match="`missing` .* Received: nan"):
        noise_lib.Noise(missing=float("nan"))
