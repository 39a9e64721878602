"""Pictures of a run's poses."""

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.evaluation import gallery
from tf_poselift.methods import martinez2017
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder
from tf_poselift.visualization import gallery as gallery_plots

SKELETON = skeletons.load("human36m_17")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    table = synthetic.table(SKELETON, clips=2, frames=6, views=2)
    table.scores[0, 0] = 0.0
    coco = synthetic.table(
        skeletons.load("deepmimic_16"), clips=1, frames=3, joints_3d=False
    )
    writer.write({"test": table}, str(folder), name="seen")
    writer.write({"test": coco}, str(folder), name="flat")
    settings = run_folder.Settings(
        method="martinez2017",
        config={"width": 8},
        skeleton=SKELETON.to_dict(),
        dataset="seen",
        data=table.datasets,
        batch_size=64,
        seed=0,
    )
    statistics = martinez2017.statistics(table, martinez2017.Config())
    run_folder.create(folder / "run", settings, statistics)
    method = run_folder.build_method(settings, statistics)
    checkpoints.Checkpoints(method, folder / "run").save(1)
    return folder


@pytest.mark.parametrize(("count", "drawn"), [(7, 7), (100, 23)])
def test_poses_that_cannot_be_lifted_are_left_out(run, tmp_path, count, drawn):
    output = tmp_path / "new" / "poses.png"
    number = gallery.draw(
        run / "run",
        dataset="seen",
        split="test",
        data_dir=str(run),
        count=count,
        output=output,
    )
    assert number == drawn
    assert output.stat().st_size > 10_000


def test_another_skeleton_without_3d(run, tmp_path):
    number = gallery.draw(
        run / "run",
        dataset="flat",
        split="test",
        data_dir=str(run),
        output=tmp_path / "poses.png",
    )
    assert number > 0


def test_the_panels_of_a_pose():
    table = synthetic.table(SKELETON, clips=1, frames=3)
    picture = gallery_plots.figure(
        SKELETON,
        keypoints_2d=table.keypoints_2d[:, 0],
        scores=table.scores[:, 0],
        joints_3d=table.joints_3d[:, 0],
        columns=2,
    )
    assert len(picture.axes) == 9
    (legend,) = picture.legends
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown == ["left", "right", "middle"]
    # The third pose begins the second row, below the first.
    first, third = (picture.axes[i].get_position() for i in (0, 6))
    assert third.x0 == pytest.approx(first.x0)
    assert third.y1 < first.y0
    drawn = np.asarray(picture.axes[0].collections[0].get_offsets())
    expected = table.keypoints_2d[0, 0] * (1.0, -1.0)
    np.testing.assert_allclose(drawn, expected, rtol=1e-5)


def test_no_pose_is_refused():
    with pytest.raises(ValueError, match="at least one pose"):
        gallery_plots.figure(
            SKELETON,
            keypoints_2d=np.zeros((0, 17, 2)),
            scores=np.zeros((0, 17)),
            joints_3d=np.zeros((0, 17, 3)),
        )
