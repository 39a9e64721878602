import numpy as np

from tf_poselift import schema

FIELDS = schema.ALWAYS | schema.WITH_3D | schema.CALIBRATION


def test_no_key_is_used_twice():
    total = len(schema.ALWAYS) + len(schema.WITH_3D) + len(schema.CALIBRATION)
    assert len(FIELDS) == total
    batch_only = {schema.INDEX, schema.STEP, schema.CAMERAS}
    assert not batch_only & set(FIELDS)


def test_types_are_numpy_types_and_letters_are_known():
    for key, field in FIELDS.items():
        if field.dtype != "string":
            assert np.dtype(field.dtype).name == field.dtype, key
        assert {n for n in field.shape if isinstance(n, str)} <= set("TVJ")


def test_only_the_first_axis_depends_on_time():
    # Two unknown axes would need another encoding in the files.
    for key, field in FIELDS.items():
        assert "T" not in field.shape[1:], key


def test_units_are_those_of_the_fields():
    for key, unit in schema.UNITS.items():
        assert FIELDS[key].unit == unit


def test_a_batch_is_single_frames_and_views_of_2d_by_default():
    spec = schema.BatchSpec()
    assert (spec.frames, spec.views) == ((0,), 1)
    assert not (spec.joints_3d or spec.cameras or spec.unpaired)
