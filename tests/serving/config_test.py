import pathlib
import re

import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

SERVING = pathlib.Path(__file__).parents[2] / "serving"


def test_models_config_is_what_the_server_reads():
    text = (SERVING / "config" / "models.config").read_text(encoding="utf-8")
    content = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(text, content)
    models = content.model_config_list.config
    assert [model.name for model in models] == ["lifter"]
    for model in models:
        # The server refuses a relative one.
        assert pathlib.PurePosixPath(model.base_path).is_absolute()
        assert model.base_path.startswith("/models/")
        assert model.model_platform == "tensorflow"


def test_compose_names_files_that_are_there_and_stays_on_loopback():
    text = (SERVING / "compose.yaml").read_text(encoding="utf-8")
    service = yaml.safe_load(text)["services"]["tfserving"]
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    files = re.findall(r"/config/(\S+)", text)
    assert "models.config" in files
    for name in files:
        assert (SERVING / "config" / name).is_file()
    assert "/v1/models/lifter" in service["healthcheck"]["test"][-1]


def test_batching_ends_in_its_largest_size():
    path = SERVING / "config" / "batching_parameters.txt"
    text = path.read_text(encoding="utf-8")
    largest = int(re.search(r"max_batch_size { value: (\d+) }", text)[1])
    sizes = [int(n) for n in re.findall(r"allowed_batch_sizes: (\d+)", text)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == largest
