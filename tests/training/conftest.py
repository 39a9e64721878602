"""The settings of a small run on the prepared data set."""

import pytest

from tf_poselift import config
from tf_poselift import skeletons
from tf_poselift.methods import kudo2018
from tf_poselift.training import run_folder


@pytest.fixture
def settings():
    return run_folder.Settings(
        method="kudo2018",
        config=config.to_json(kudo2018.Config(width=16)),
        skeleton=skeletons.load("human36m_17").to_dict(),
        dataset="synthetic",
        data=("synthetic:1.0.0",),
        batch_size=8,
        seed=0,
    )
