"""Set-up of all tests, and a prepared data set for those that need one."""

import dataclasses
import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

from tf_poselift import skeletons  # noqa: E402
from tf_poselift.data import synthetic  # noqa: E402
from tf_poselift.data import writer  # noqa: E402
from tf_poselift.training import strategies  # noqa: E402

# So that two replicas can be tried, on a machine with one GPU, too.
tf.config.set_visible_devices([], "GPU")
strategies.use_virtual_devices(2)


@pytest.fixture(scope="module", autouse=True)
def release_memory():
    """Lets go of the models and graphs that TensorFlow keeps of a module."""
    yield
    keras.utils.clear_session()
    gc.collect()


@pytest.fixture
def eagerly():
    """Nothing is traced or compiled: that takes longer than a few steps.

    A test whose subject is the graph sets it back.
    """
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@dataclasses.dataclass(frozen=True)
class PreparedDataset:
    """What `--dataset` and `--data_dir` take."""

    dataset: str
    data_dir: str


@pytest.fixture(scope="session")
def prepared_dataset(tmp_path_factory) -> PreparedDataset:
    """8 + 2 + 2 clips of 40 frames in 2 views, `human36m_17`, 3D, cameras."""
    skeleton = skeletons.load("human36m_17")
    clips = {"train": 8, "validation": 2, "test": 2}
    splits = {
        split: synthetic.table(
            skeleton, clips=count, frames=40, views=2, seed=seed
        )
        for seed, (split, count) in enumerate(clips.items())
    }
    data_dir = str(tmp_path_factory.mktemp("data"))
    return PreparedDataset(
        writer.write(splits, data_dir, name="synthetic"), data_dir
    )
