"""Serving of an exported model: warm-up requests, gRPC and REST, as docs/serving.md says.

TensorFlow Serving itself cannot be installed with pip. The messages are those of its package.
"""

import base64
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from tests.small_generators import random_images, random_masks

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
REST, GRPC, LITSERVE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHELL = re.search(r"From a shell:\n```\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An image and its mask, in the current directory."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(random_images(30, 41, 3)).save("a.png")
    mask = (random_masks(1, 30, 41)[0, :, :, 0] > 127) * np.uint8(255)
    Image.fromarray(mask).save("a_mask.png")
    return tmp_path


@pytest.fixture(scope="module")
def signatures(model_directory):
    return tf.saved_model.load(str(model_directory)).signatures


def assert_completed(signatures):
    """a_completed.png is what the model makes of the files."""
    files = {"image": "a.png", "mask": "a_mask.png"}
    inputs = {name: tf.constant([Path(file).read_bytes()]) for name, file in files.items()}
    expected = signatures["encoded"](**inputs)["completed_bytes"][0].numpy()
    assert Path("a_completed.png").read_bytes() == expected
    assert np.asarray(Image.open("a_completed.png")).shape == (30, 41, 3)


def test_warm_up_requests_run(model_directory, signatures):
    path = model_directory / "assets.extra" / "tf_serving_warmup_requests"
    records = [bytes(x.numpy()) for x in tf.data.TFRecordDataset(str(path))]
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    requests = [log.predict_log.request for log in logs]
    names = [request.model_spec.signature_name for request in requests]
    assert names == ["serving_default", "encoded"]
    for name, request, log, record in zip(names, requests, logs, records, strict=True):
        assert log.SerializeToString(deterministic=True) == record
        assert log.predict_log.WhichOneof is not None
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        (completed,) = signatures[name](**inputs).values()
        assert completed.shape[0] == 1


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict as TensorFlow Serving defines it, on the signatures of a SavedModel."""

    def __init__(self, signatures):
        self.signatures = signatures

    def Predict(self, request, context):  # noqa: N802
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        outputs = self.signatures[request.model_spec.signature_name](**inputs)
        response = predict_pb2.PredictResponse()
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response


def test_the_grpc_client_of_the_page(folder, signatures):
    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(signatures), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        exec(GRPC.replace("localhost:8500", f"127.0.0.1:{port}"), {})
    finally:
        server.stop(None).wait()
    assert_completed(signatures)


@pytest.fixture
def litserve_port(folder, model_directory):
    """Port of the page's LitServe server, in processes of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = LITSERVE.replace("models/quickstart", str(model_directory))
    Path("serve.py").write_text(program.replace("port=8501", f'port={port}, host="127.0.0.1"'))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    with open("server.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "serve.py"],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        for _ in range(3000):
            assert server.poll() is None, Path("server.log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                    break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        else:
            pytest.fail(f"the server did not start: {Path('server.log').read_text()}")
        yield port
    finally:
        # Its workers too.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_the_rest_clients_of_the_page(litserve_port, signatures):
    """One server, a process that takes seconds to start, for all requests."""
    here = f"http://127.0.0.1:{litserve_port}"
    exec(REST.replace("http://localhost:8501", here), {})
    assert_completed(signatures)

    reply = subprocess.run(
        ["bash", "-c", SHELL.replace("http://localhost:8501", here)], capture_output=True, text=True
    )
    sent = re.search(r'"predictions":\s*\[\{"b64":\s*"([^"]+)"', reply.stdout)
    assert base64.b64decode(sent[1]) == Path("a_completed.png").read_bytes(), reply

    Path("a.png").write_bytes(b"not an image")
    refused = subprocess.run(
        ["bash", "-c", SHELL.replace("http://localhost:8501", f"-w '%{{http_code}}' {here}")],
        capture_output=True,
        text=True,
    )
    assert refused.stdout.endswith("400"), refused
