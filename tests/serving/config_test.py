"""The files of the real server, which is not run here.

`models.config` is parsed with the message that `tensorflow-serving-api` has.
It has none for the two others: they are parsed with messages made here of the
names and types in the server's public .proto files, which finds a slip in the
text or in a name, not a field that the server took away.
"""

import pathlib
import re

import pytest
import yaml
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format
from google.protobuf import wrappers_pb2
from tensorflow_serving.config import model_server_config_pb2

from tf_poselift.export import warmup

SERVING = pathlib.Path(__file__).parents[2] / "serving"
LABELS = {"stable", "canary"}


def read(name: str) -> str:
    return (SERVING / "config" / name).read_text(encoding="utf-8")


def message(name: str, *fields: tuple[str, str]):
    """A message of these fields: (name, type); a type in [] is repeated."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{name}.proto",
        package="config_test",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    added = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields, start=1):
        single = kind.strip("[]")
        entry = added.field.add(name=field, number=number)
        entry.label = (
            kinds.LABEL_OPTIONAL if kind == single else kinds.LABEL_REPEATED
        )
        if "." in single:
            entry.type, entry.type_name = kinds.TYPE_MESSAGE, f".{single}"
        else:
            entry.type = kinds.Type.Value(f"TYPE_{single.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName(f"config_test.{name}")
    return message_factory.GetMessageClass(found)()


def batching_parameters():
    number = "google.protobuf.Int64Value"
    content = message(
        "BatchingParameters",
        ("max_batch_size", number),
        ("batch_timeout_micros", number),
        ("max_enqueued_batches", number),
        ("num_batch_threads", number),
        ("thread_pool_name", "google.protobuf.StringValue"),
        ("allowed_batch_sizes", "[int64]"),
        ("pad_variable_length_inputs", "bool"),
    )
    return text_format.Parse(read("batching_parameters.txt"), content)


@pytest.fixture(scope="module")
def compose() -> dict:
    text = (SERVING / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["services"]["tfserving"]


@pytest.fixture(scope="module")
def model():
    content = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(read("models.config"), content)
    (model,) = content.model_config_list.config
    return model


def test_the_model_is_where_the_export_puts_it(model, compose):
    assert model.name == "lifter"
    # The server refuses a relative one.
    assert pathlib.PurePosixPath(model.base_path).is_absolute()
    assert model.base_path == "/models/lifter"
    assert "./models:/models:ro" in compose["volumes"]
    assert model.model_platform == "tensorflow"


def test_two_versions_are_served_and_both_labels_are_set(model, compose):
    policy = model.model_version_policy
    assert policy.WhichOneof("policy_choice") == "latest"
    assert policy.latest.num_versions == 2
    assert set(model.version_labels) == LABELS
    # The first export is version 1, and a label must name one that is there.
    assert set(model.version_labels.values()) == {1}
    # Or a label stops the server at the start, when nothing is loaded yet.
    flag = "--allow_version_labels_for_unavailable_models=true"
    assert flag in compose["command"]
    # Or a label that is moved in the file is never seen.
    (seconds,) = [
        flag.partition("=")[2]
        for flag in compose["command"]
        if flag.startswith("--model_config_file_poll_wait_seconds=")
    ]
    assert int(seconds) > 0


def test_compose_names_files_that_are_there_and_stays_on_loopback(compose):
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", compose["image"])
    assert compose["ports"] == [
        "127.0.0.1:8500:8500",
        "127.0.0.1:8501:8501",
    ]
    text = (SERVING / "compose.yaml").read_text(encoding="utf-8")
    files = set(re.findall(r"/config/(\S+)", text))
    assert files == {path.name for path in (SERVING / "config").iterdir()}


def test_it_is_healthy_when_the_model_is_available(compose, model):
    kind, shell, option, script = compose["healthcheck"]["test"]
    assert (kind, shell, option) == ("CMD", "bash", "-c")
    # With a body, or a path of another model, it would never be.
    assert f"GET /v1/models/{model.name} HTTP/1.0\\r\\n\\r\\n" in script
    assert "AVAILABLE" in script


def test_batching_is_off_and_its_two_flags_go_together(compose):
    # The file without the flag is an error.
    assert not [flag for flag in compose["command"] if "batching" in flag]
    text = (SERVING / "compose.yaml").read_text(encoding="utf-8")
    off = re.findall(r"^ +# - (--\S*batching\S*)$", text, re.MULTILINE)
    assert off == [
        "--enable_batching=true",
        "--batching_parameters_file=/config/batching_parameters.txt",
    ]


def test_batching_ends_in_its_largest_size_and_every_size_is_warm():
    content = batching_parameters()
    sizes = list(content.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    # Else the models do not load.
    assert sizes[-1] == content.max_batch_size.value
    assert sizes == list(warmup.BATCH_SIZES)
    assert content.num_batch_threads.value >= 1
    assert content.max_enqueued_batches.value >= 1
    assert 0 < content.batch_timeout_micros.value <= 10_000


def test_prometheus_is_on():
    text = read("monitoring.config")
    inner = re.fullmatch(r"(?s)#.*?\nprometheus_config (\{.*\})\n", text)[1]
    content = message(
        "PrometheusConfig", ("enable", "bool"), ("path", "string")
    )
    text_format.Parse(inner[1:-1], content)
    assert content.enable
    assert content.path == "/monitoring/prometheus/metrics"


def test_a_slip_in_a_name_is_found():
    content = message("PrometheusConfig", ("enable", "bool"))
    with pytest.raises(text_format.ParseError, match="enabled"):
        text_format.Parse("enabled: true", content)
