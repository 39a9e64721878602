import pathlib

import pytest

from tf_poselift import skeletons
from tf_poselift.data import prepared
from tf_poselift.data import reader
from tf_poselift.data import synthetic
from tf_poselift.data import writer

TABLE = synthetic.table(
    skeletons.load("human36m_17"), clips=1, frames=3, views=1
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("data"))
    for name, config, version in (
        ("plain", None, "1.9.0"),
        ("plain", None, "1.10.0"),
        ("one_config", "a", "1.0.0"),
        ("two_configs", "a", "1.0.0"),
        ("two_configs", "b", "1.0.0"),
        ("default", "a", "1.0.0"),
        ("default", "b", "1.0.0"),
    ):
        writer.write(
            {"train": TABLE},
            folder,
            name=name,
            config=config,
            version=version,
        )
    remembered = pathlib.Path(folder, "default", ".config", "metadata.json")
    remembered.parent.mkdir()
    remembered.write_text('{"default_config_name": "b"}')
    return folder


@pytest.mark.parametrize(
    "dataset, folder",
    [
        ("plain", "plain/1.10.0"),
        ("plain:1.9.0", "plain/1.9.0"),
        ("one_config", "one_config/a/1.0.0"),
        ("two_configs/a", "two_configs/a/1.0.0"),
        ("two_configs/b:1.0.0", "two_configs/b/1.0.0"),
        ("default", "default/b/1.0.0"),
    ],
)
def test_find(dataset, folder, data_dir):
    assert prepared.find(dataset, data_dir) == pathlib.Path(data_dir, folder)


def test_known_lists_every_version(data_dir):
    assert prepared.known(data_dir)[-2:] == [
        "two_configs/a:1.0.0",
        "two_configs/b:1.0.0",
    ]
    assert "plain:1.9.0" in prepared.known(data_dir)


def test_a_config_is_asked_for_where_there_are_several(data_dir):
    with pytest.raises(
        ValueError,
        match="must name a config of `two_configs`. Prepared: two_configs/a, "
        "two_configs/b",
    ):
        prepared.find("two_configs", data_dir)


@pytest.mark.parametrize(
    "dataset", ["absent", "plain:2.0.0", "plain/config", "two_configs/c"]
)
def test_what_is_not_prepared_names_the_next_command(dataset, data_dir):
    with pytest.raises(FileNotFoundError) as error:
        prepared.find(dataset, data_dir)
    message = str(error.value)
    assert f"No prepared data set `{dataset}` in {data_dir}" in message
    assert "Prepared there: default/a:1.0.0, " in message
    assert (
        f"`python datasets/build.py --dataset={dataset.split(':')[0]} "
        f"--data_dir={data_dir}`" in message
    )


def test_an_empty_or_missing_folder(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="Prepared there: none"):
            prepared.find("plain", str(folder))


@pytest.mark.parametrize("dataset", ["", "a/b/c", "a:newest", "../a"])
def test_a_name_has_a_form(dataset, data_dir):
    with pytest.raises(ValueError, match=r"must be NAME\[/CONFIG\]\[:VERSION"):
        prepared.find(dataset, data_dir)


def test_records_that_do_not_fit_say_what_differs(tmp_path):
    writer.write({"train": TABLE}, str(tmp_path), name="odd")
    path = tmp_path / "odd" / "1.0.0" / "features.json"
    text = path.read_text()
    assert '"fps"' in text
    text = text.replace('"fps"', '"rate"').replace('"joints_3d_valid"', '"ok"')
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        reader.read("odd", "train", str(tmp_path))
    message = str(error.value)
    assert "must fit the schema" in message
    for part in (
        "`fps` is missing",
        "`joints_3d_valid` is missing",
        "`ok` is unknown",
        "`rate` is unknown",
        f"Build it again: `python datasets/build.py --dataset=odd "
        f"--data_dir={tmp_path} --overwrite`",
    ):
        assert part in message


def test_records_of_another_joint_count_are_refused(tmp_path):
    writer.write({"train": TABLE}, str(tmp_path), name="odd")
    path = tmp_path / "odd" / "1.0.0" / "metadata.json"
    other = tmp_path / "other"
    writer.write(
        {
            "train": synthetic.table(
                skeletons.load("human36m_16"), clips=1, frames=3, views=1
            )
        },
        str(other),
        name="odd",
    )
    path.write_text((other / "odd" / "1.0.0" / "metadata.json").read_text())
    with pytest.raises(
        ValueError,
        match=r"`scores` is float32 \[T, 1, 17\] instead of float32 "
        r"\[T, 1, 16\]",
    ):
        reader.read("odd", "train", str(tmp_path))


@pytest.mark.parametrize("parent, config", [("b", "a"), ("odd", None)])
@pytest.mark.parametrize("damage", ["features.json", "metadata.json", "record"])
def test_rebuild_names_config_and_folder(tmp_path, parent, config, damage):
    # The folder of prepared data sets may be called as one of them.
    root = tmp_path / parent
    writer.write({"train": TABLE}, str(root), name="odd", config=config)
    folder = root / "odd" / (config or "") / "1.0.0"
    (path,) = folder.glob(f"*{damage}*")
    path.write_text("{}")
    dataset = f"odd/{config}" if config else "odd"
    with pytest.raises(ValueError) as error:
        reader.read("odd", "train", str(root))
    assert (
        f"`python datasets/build.py --dataset={dataset} --data_dir={root} "
        "--overwrite`" in str(error.value)
    )
