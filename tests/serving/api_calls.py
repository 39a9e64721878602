"""Requests to the TensorFlow Serving API, over REST and gRPC."""

import http.client
import json
import urllib.parse

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

SECONDS = 60.0


def ask(served, method: str, path: str, body: bytes | dict | None = None):
    """Sends a request and returns its status and the answer's JSON."""
    url = urllib.parse.urlsplit(served.rest)
    connection = http.client.HTTPConnection(url.netloc, timeout=SECONDS)
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    try:
        connection.request(method, path.replace("MODEL", served.model), body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def predict_rest(served, body):
    return ask(served, "POST", "/v1/models/MODEL:predict", body)


def predict_grpc(channel, inputs, **spec):
    request = predict_pb2.PredictRequest()
    for name, value in spec.items():
        if name == "version":
            request.model_spec.version.value = value
        else:
            setattr(request.model_spec, name, value)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.Predict(request, timeout=SECONDS)


def lists(inputs):
    return {name: value.tolist() for name, value in inputs.items()}
