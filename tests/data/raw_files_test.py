import pathlib

import pytest
import tensorflow_datasets as tfds

from tf_poselift.data import raw_files


def test_what_is_missing_is_listed_with_where_to_get_it():
    findings = raw_files.Findings(
        found=("S1: 30 takes",),
        missing=tuple(f"S{n}: no takes" for n in range(5, 20)),
        notes=("S11 Directions is left out: a damaged video.",),
    )
    with pytest.raises(FileNotFoundError) as caught:
        findings.require("raw", "Get it from the site.")
    text = str(caught.value)
    assert text.startswith("raw is not complete. Missing:\n  - S5: no takes\n")
    assert text.endswith("S16: no takes\n  - and 3 more\nGet it from the site.")
    assert findings.report().splitlines()[:2] == [
        "   found  S1: 30 takes",
        " missing  S5: no takes",
    ]
    assert findings.report().endswith(
        "    note  S11 Directions is left out: a damaged video."
    )


def test_a_whole_folder_passes():
    findings = raw_files.Findings(found=("all",))
    findings.require("raw", "")
    assert findings.report() == "   found  all"


def test_the_folder_that_the_user_named(tmp_path):
    def manager(folder):
        return tfds.download.DownloadManager(
            download_dir=tmp_path / "downloads",
            manual_dir=folder,
            manual_dir_instructions="Look there.",
        )

    default = tmp_path / "downloads" / "manual"
    assert raw_files.manual_folder(manager(default)) is None
    default.mkdir(parents=True)
    (default / "file").touch()  # of some other data set
    assert raw_files.manual_folder(manager(default)) is None
    named = tmp_path / "raw"
    with pytest.raises(FileNotFoundError, match="raw"):
        raw_files.manual_folder(manager(named))
    named.mkdir()
    (named / "S1").touch()
    assert raw_files.manual_folder(manager(named)) == pathlib.Path(named)
