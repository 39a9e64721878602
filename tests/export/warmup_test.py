import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tf_poselift.export import signatures
from tf_poselift.export import warmup


def test_requests_come_back_as_they_were_written(toy, tmp_path):
    served = [signatures.serving_default(toy)]
    warmup.write(tmp_path, served)
    requests = warmup.read(tmp_path)
    assert [name for name, _ in requests] == ["serving_default"] * 3
    assert [len(inputs["scores"]) for _, inputs in requests] == [1, 8, 64]
    np.testing.assert_array_equal(
        requests[1][1]["keypoints_2d"], served[0].examples(8)["keypoints_2d"]
    )


def test_records_are_what_a_server_reads(toy, tmp_path):
    warmup.write(tmp_path, [signatures.serving_default(toy)], batch_sizes=[2])
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    (record,) = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    log = prediction_log_pb2.PredictionLog.FromString(record)
    assert log.WhichOneof("log_type") == "predict_log"
    assert set(log.predict_log.request.inputs) == {"keypoints_2d", "scores"}


def test_no_file_is_no_request(tmp_path):
    assert warmup.read(tmp_path) == []


def test_a_damaged_file_is_refused(toy, tmp_path):
    warmup.write(tmp_path, signatures.for_method(toy))
    path = tmp_path / warmup.FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="must be a TFRecord file of warm-up"):
        warmup.read(tmp_path)
