import numpy as np
import pytest

from tf_poselift import schema
from tf_poselift.data import reader
from tf_poselift.data import sampling
from tf_poselift.data import streaming

EVERYTHING = schema.BatchSpec(
    frames=(0, 5, (1, 3)),
    views=None,
    cameras=True,
    joints_3d=True,
    unpaired=True,
)


def stream(prepared_dataset, spec, batch_size=16, **options):
    return streaming.dataset(
        prepared_dataset.dataset,
        "test",
        prepared_dataset.data_dir,
        spec,
        batch_size=batch_size,
        seed=1,
        shuffle_buffer=200,
        **options,
    )


@pytest.fixture
def table(prepared_dataset):
    return reader.read(
        prepared_dataset.dataset, "test", prepared_dataset.data_dir
    )


@pytest.mark.parametrize(
    "spec, flip",
    [
        (schema.BatchSpec(unpaired=True), True),
        (schema.BatchSpec(frames=(0, -2), joints_3d=True), True),
        (EVERYTHING, False),
    ],
)
def test_batches_are_those_of_the_sampler_in_form(
    spec, flip, prepared_dataset, table
):
    expected = sampling.dataset(table, spec, batch_size=16, seed=1, flip=flip)
    found = stream(prepared_dataset, spec, flip=flip)
    assert found.element_spec == expected.element_spec


def test_index_numbers_frames_and_views_as_the_table_does(
    prepared_dataset, table
):
    count = table.num_rows * table.num_views
    batches = stream(prepared_dataset, schema.BatchSpec(), batch_size=count)
    batch = next(batches.as_numpy_iterator())
    index = batch["index"]
    # The shuffle buffer is larger than an epoch: some come twice, some late.
    assert len(set(index)) > count / 2
    np.testing.assert_array_equal(
        batch["keypoints_2d"], table.keypoints_2d[index // 2, index % 2]
    )


def test_frames_and_cameras_belong_together(prepared_dataset, table):
    batches = stream(prepared_dataset, EVERYTHING)
    for step, batch in enumerate(batches.take(20).as_numpy_iterator()):
        assert batch["step"] == step
        row = batch["index"]
        for t, offset in ((0, 0), (1, 5)):
            np.testing.assert_array_equal(
                batch["joints_3d"][:, t], table.joints_3d[row + offset]
            )
        jumps = [
            (table.keypoints_2d[row + k] == batch["keypoints_2d"][:, 2])
            .all(axis=(1, 2, 3))
            .sum()
            for k in (1, 2, 3)
        ]
        assert sum(jumps) == 16
        clip = table.clip_of_row[row]
        np.testing.assert_array_equal(
            batch["rotation"], table.cameras["rotation"][clip]
        )


def test_order_is_shuffled_and_seeded(prepared_dataset):
    one, again = (
        next(stream(prepared_dataset, schema.BatchSpec()).as_numpy_iterator())
        for _ in range(2)
    )
    np.testing.assert_array_equal(one["index"], again["index"])
    assert (np.diff(one["index"]) < 0).any()


def test_clips_that_are_too_short_are_refused(prepared_dataset):
    with pytest.raises(
        ValueError, match=r"offsets \(0, 40\). Received: `test` of synthetic"
    ):
        stream(prepared_dataset, schema.BatchSpec(frames=(0, 40)))


def test_what_the_records_lack_is_refused(prepared_dataset):
    with pytest.raises(ValueError, match="`views` must be 1 to 2"):
        stream(prepared_dataset, schema.BatchSpec(views=3))
