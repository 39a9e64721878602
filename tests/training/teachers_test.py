"""`--teacher`: what is refused, and which weights are learned from."""

import dataclasses

import numpy as np
import pytest

from tf_poselift import config as config_lib
from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.methods import tipsy_gan2022
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder
from tf_poselift.training import training
from tf_poselift.training import training_data

pytestmark = pytest.mark.usefixtures("eagerly")
SMALL = ["width=8", "blocks=1"]
DISTILL = [*SMALL, "stage=distill"]


def train(prepared_dataset, workdir, **kwargs):
    options = {
        "method": "tipsy_gan2022",
        "overrides": DISTILL,
        "dataset": prepared_dataset.dataset,
        "data_dir": prepared_dataset.data_dir,
        "batch_size": 8,
        "strategy": "one",
    } | kwargs
    return training.train(workdir=workdir, steps=1, **options)


def make_teacher(settings, folder, skeleton="human36m_17"):
    """A run of legs and torso whose averages are not its last weights."""
    config = config_lib.override(
        tipsy_gan2022.Config(), [*SMALL, "average_decay=0.5"]
    )
    settings = dataclasses.replace(
        settings,
        method="tipsy_gan2022",
        config=config_lib.to_json(config),
        skeleton=skeletons.load(skeleton).to_dict(),
    )
    run_folder.create(folder, settings, {})
    method = run_folder.build_method(settings, {})
    for part in method.served:
        bias = method.networks[part].last.bias
        bias.assign(np.full(bias.shape, 0.5))
    checkpoints.Checkpoints(method, folder).save(7)
    return folder


def test_distilled_are_the_averaged_weights(
    settings, prepared_dataset, tmp_path
):
    folder = make_teacher(settings, tmp_path / "teacher")
    logs = train(
        prepared_dataset, tmp_path / "student", teacher=str(folder), seed=3
    )
    kept = run_folder.read_settings(tmp_path / "student")
    assert kept["teacher"] == f"{folder} at step 7"

    table = reader.read(
        prepared_dataset.dataset, "train", prepared_dataset.data_dir
    )
    config = config_lib.from_json(tipsy_gan2022.Config, kept["config"])
    batch = training_data.make_sampler(
        tipsy_gan2022, config, table, seed=3
    ).draw(0)
    taught = {}
    for averaged in (True, False):
        student = tipsy_gan2022.Method(
            table.skeleton,
            config,
            teacher=run_folder.load(folder, averaged=averaged).method,
            seed=3,
        )
        taught[averaged] = float(student.gradients(batch).logs["distillation"])
    assert logs["distillation"] == pytest.approx(taught[True], rel=1e-5)
    assert taught[False] != pytest.approx(taught[True], rel=0.01)


def test_a_teacher_of_another_skeleton(settings, prepared_dataset, tmp_path):
    folder = make_teacher(settings, tmp_path / "teacher", "deepmimic_16")
    with pytest.raises(ValueError) as error:
        train(prepared_dataset, tmp_path / "student", teacher=str(folder))
    text = str(error.value)
    assert text.startswith("A teacher must have the skeleton of the data. ")
    assert "teacher `deepmimic_16` with " in text
    assert "data `human36m_17` with pelvis, " in text
    assert text.endswith("Train a teacher on this data set.")
    assert not (tmp_path / "student").exists()


def test_no_teacher_and_one_too_many(prepared_dataset, tmp_path):
    with pytest.raises(
        ValueError, match="`tipsy_gan2022` with this .*: `--teacher=WORKDIR`."
    ):
        train(prepared_dataset, tmp_path)
    with pytest.raises(
        ValueError, match="`tipsy_gan2022` .* no use .* `--teacher=runs/a`."
    ):
        train(prepared_dataset, tmp_path, teacher="runs/a", overrides=SMALL)
    with pytest.raises(ValueError, match="`kudo2018` .* no use for a teacher"):
        train(
            prepared_dataset,
            tmp_path,
            method="kudo2018",
            teacher="runs/a",
            overrides=["width=8"],
        )


def test_no_run_in_the_teacher_s_folder(prepared_dataset, tmp_path):
    folder = tmp_path / "nothing"
    with pytest.raises(FileNotFoundError) as error:
        train(prepared_dataset, tmp_path / "student", teacher=str(folder))
    assert str(error.value) == (
        f"No run in {folder} to learn from. Train one: `python "
        "trainers/train.py --method=tipsy_gan2022 --dataset=NAME --workdir="
        f"{folder}`."
    )
