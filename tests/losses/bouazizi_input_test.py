"""What Bouazizi 2021 makes of a data set before training."""

import numpy as np
import pytest

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import noise
from tf_poselift.data import synthetic
from tf_poselift.methods import bouazizi2021
from tf_poselift.training import training_data

pytestmark = pytest.mark.usefixtures("eagerly")
SMALL = bouazizi2021.Config(width=16, blocks=1, batch_size=8)


def test_noise_comes_before_triangulation(prepared_dataset):
    def draw(pixels):
        data = training_data.TrainingData(
            prepared_dataset.dataset,
            prepared_dataset.data_dir,
            skeleton=None,
            noise=noise.Noise(pixels=pixels),
            seed=0,
            flip=False,
            stream=False,
            shuffle_buffer=1,
        )
        table, _ = data.read(needs_held_out=False)
        batch = data.batches("bouazizi2021", SMALL, table).draw(0)
        return {key: value.numpy() for key, value in batch.items()}

    exact, noisy = draw(0.0), draw(5.0)
    np.testing.assert_array_equal(noisy[schema.INDEX], exact[schema.INDEX])
    # 5 of about 1100 pixels, seen from 5 m.
    error = np.linalg.norm(
        noisy["triangulated"] - exact["triangulated"], axis=2
    )
    assert 5.0 < np.median(error) < 100.0
    for batch in (exact, noisy):
        np.testing.assert_allclose(
            batch["undistorted_2d"], batch[schema.KEYPOINTS_2D], atol=1e-2
        )


@pytest.mark.parametrize(
    ("key", "value"), [(schema.INTRINSICS, 0.0), (schema.ROTATION, np.nan)]
)
def test_a_view_without_calibration_is_named(key, value):
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=2, frames=8, views=3, seed=4
    )
    table.cameras[key][1, 2] = value
    words = f"calibration of every view.*`{key}`=.* in view 2 of clip "
    words += f"`{table.clip_id[1]}` of synthetic.* \\(1 of 6 views\\)"
    for compute in (bouazizi2021.statistics, bouazizi2021.derived):
        with pytest.raises(ValueError, match=words):
            compute(table, SMALL)
