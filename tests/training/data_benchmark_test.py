import importlib
import pathlib
import sys

from tf_poselift.training import data_benchmark

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"


def test_every_record_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(DATASETS), *sys.path])
    module = importlib.import_module("human36m.human36m_dataset_builder")
    result = data_benchmark.building(
        module.Builder(data_dir=tmp_path), DATASETS / "human36m" / "dummy_data"
    )
    # 30 takes of 2 frames in 4 views, the first of 6; S11 lacks its first.
    assert result.frame_views == 4 * (6 * (6 + 29 * 2) + 29 * 2)
    rate = result.frame_views / result.cpu_seconds
    assert result.frame_views_per_core_second == rate > 0
    assert result.peak_memory_gib > 0.1


def test_reading_is_scaled_to_human36m():
    result = data_benchmark.reading(clips=3, frames=10)
    assert result.frame_views == 3 * 10 * 4
    assert result.seconds_for_human36m == result.seconds * 1_559_752 / 120


def test_scoring_computes_every_metric():
    result = data_benchmark.scoring(poses=20)
    assert (result.poses, result.metrics) == (20, 15)
    assert result.seconds > 0.0
