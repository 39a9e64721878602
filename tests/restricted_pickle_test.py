import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from tf_poselift import restricted_pickle

POSES = {
    "S1": {"Walking 1": np.arange(6, dtype=np.float32).reshape(1, 2, 3)},
    "layout": "h36m",
    "numbers": [1, 2.5, None, True, np.float64(3.5), (1, 2), b"bytes"],
}


class Attack:
    """Would make a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def same(read):
    np.testing.assert_array_equal(
        read["S1"]["Walking 1"], POSES["S1"]["Walking 1"]
    )
    assert read["layout"] == "h36m"
    assert read["numbers"] == POSES["numbers"]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_any_protocol(tmp_path, protocol):
    path = tmp_path / "poses.pkl"
    path.write_bytes(pickle.dumps(POSES, protocol))
    same(restricted_pickle.load(path))


def test_the_names_of_numpy_1(tmp_path):
    path = tmp_path / "poses.pkl"
    data = pickle.dumps(POSES, 2).replace(b"numpy._core", b"numpy.core")
    path.write_bytes(data)
    same(restricted_pickle.load(path))


def test_npz_with_and_without_objects(tmp_path):
    path = tmp_path / "poses.npz"
    several = np.empty(2, object)
    several[:] = [np.zeros(2), np.ones(3)]
    np.savez_compressed(
        path, positions=POSES, plain=np.arange(3), several=several
    )
    read = restricted_pickle.load_npz(path)
    same(read["positions"])
    np.testing.assert_array_equal(read["plain"], [0, 1, 2])
    assert [len(part) for part in read["several"]] == [2, 3]


def test_an_attack_is_refused_and_not_run(tmp_path):
    mark = tmp_path / "attacked"
    path = tmp_path / "poses.pkl"
    path.write_bytes(pickle.dumps({"S1": Attack(mark)}))
    with pytest.raises(ValueError, match=r"poses.pkl: .*posix.mkdir`; nothing"):
        restricted_pickle.load(path)
    path = tmp_path / "poses.npz"
    np.savez(path, good=np.zeros(2), bad=np.array({"S1": Attack(mark)}))
    with pytest.raises(ValueError, match=r"`bad.npy`: .*posix.mkdir`; nothing"):
        restricted_pickle.load_npz(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Attack(mark)))
    assert mark.exists()  # so it would have been


@pytest.mark.parametrize(
    "data",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\nmultiarray.os\n.",
        b"c_codecs\nencode\n(S'x'\nS'utf8'\ntR.",
        b"P1\n.",
        b"",
        b"not a pickle",
    ],
)
def test_other_programs_are_refused(tmp_path, data):
    path = tmp_path / "poses.pkl"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="Cannot read .*poses.pkl"):
        restricted_pickle.load(path)


def test_half_a_file(tmp_path):
    whole, half = tmp_path / "whole.npz", tmp_path / "half.npz"
    np.savez(whole, positions=POSES)
    half.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(ValueError, match="half.npz is no npz file, or only"):
        restricted_pickle.load_npz(half)
    pickled = tmp_path / "half.pkl"
    pickled.write_bytes(pickle.dumps(POSES)[:-20])
    with pytest.raises(ValueError, match="Cannot read .*half.pkl"):
        restricted_pickle.load(pickled)
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("readme.npy", "no array")
    with pytest.raises(ValueError, match="`readme.npy` is no array"):
        restricted_pickle.load_npz(tmp_path / "text.npz")
    with pytest.raises(FileNotFoundError):
        restricted_pickle.load(tmp_path / "none.pkl")


def test_objects_within_numpy_arrays_are_checked_too(tmp_path):
    mark = tmp_path / "attacked"
    array = np.empty(1, object)
    array[0] = Attack(mark)
    path = tmp_path / "poses.pkl"
    with io.BytesIO() as file:
        pickle.dump(array, file)
        path.write_bytes(file.getvalue())
    with pytest.raises(ValueError, match="nothing of it was run"):
        restricted_pickle.load(path)
    assert not mark.exists()


def test_an_entry_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "poses.npz"
    np.savez(path, positions=POSES)  # stored, not packed
    data = bytearray(path.read_bytes())
    # The value of a number; the pickle still reads.
    data[data.index(b"@\x04\0\0\0\0\0\0") + 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="poses.npz is no npz.*CRC"):
        restricted_pickle.load_npz(path)
