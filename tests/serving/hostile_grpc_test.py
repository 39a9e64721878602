"""Hostile messages over gRPC: refused by a code that blames the client."""

import grpc
import hostile_requests
import hypothesis
import numpy as np
import pytest
import raw_http
import tensorflow as tf
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2

REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
SIZES = st.sampled_from(
    [-(2**63), -1, 0, 1, 2, hostile_requests.JOINTS, 2**31, 2**62]
)


@st.composite
def protos(draw) -> predict_pb2.PredictRequest:
    """PredictRequests whose tensors are right, or nearly, or not at all."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = draw(st.sampled_from(["lifter"] * 9 + ["x", ""]))
    request.model_spec.signature_name = draw(
        st.sampled_from(
            ["", "serving_default", "examples", *hostile_requests.SIGNATURES]
        )
    )
    if draw(st.integers(0, 4)) == 0:
        request.model_spec.version.value = draw(st.integers(-(2**63), 2))
    names = ["keypoints_2d", "scores", "examples", "more"]
    for name in draw(st.lists(st.sampled_from(names), max_size=3)):
        proto = request.inputs[name]
        proto.dtype = draw(st.integers(0, 40))
        proto.tensor_shape.unknown_rank = draw(st.integers(0, 9)) == 0
        for size in draw(st.lists(SIZES, max_size=4)):
            proto.tensor_shape.dim.add(size=size)
        values = draw(st.lists(st.integers(0, 2**31 - 1), max_size=3))
        field = draw(
            st.sampled_from(["float_val", "int_val", "half_val", "int64_val"])
        )
        getattr(proto, field).extend(values)
        proto.string_val.extend(draw(st.lists(st.binary(), max_size=2)))
        if draw(st.booleans()):
            proto.tensor_content = draw(st.binary())
    request.output_filter.extend(
        draw(st.lists(st.sampled_from(["valid", "x"]), max_size=1))
    )
    return request


@pytest.mark.parametrize(
    "count", [200, pytest.param(5000, marks=pytest.mark.slow)]
)
def test_hostile_protos_are_refused(stand_in, count):
    method = "/tensorflow.serving.PredictionService/Predict"
    good = predict_pb2.PredictRequest()
    good.model_spec.name = "lifter"
    for name, value in hostile_requests.poses(0).items():
        proto = tf.make_tensor_proto(np.array(value, np.float32))
        good.inputs[name].CopyFrom(proto)
    with grpc.insecure_channel(stand_in.grpc) as channel:
        call = channel.unary_unary(method)

        @hypothesis.settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(protos())
        def one(request):
            try:
                call(request.SerializeToString(), timeout=raw_http.SECONDS)
            except grpc.RpcError as error:
                assert error.code() in REFUSALS, error.details()

        one()
        answer = call(good.SerializeToString(), timeout=raw_http.SECONDS)
        outputs = predict_pb2.PredictResponse.FromString(answer).outputs
        assert tf.make_ndarray(outputs["valid"]).tolist() == [True, True]
