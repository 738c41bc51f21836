"""A client of the worker that shares no code with it: whatever it knows comes from the contracts in proto/.

Usage: client.py ADDRESS GENERATED, the code that protoc made being in GENERATED. Reads one JSON request from standard
input, writes one JSON report to standard output. Binary values are hexadecimal.
"""

import json
import sys

import grpc

address, generated = sys.argv[1:]
sys.path.insert(0, generated)

import health_pb2  # noqa: E402
import health_pb2_grpc  # noqa: E402
import reflection_pb2  # noqa: E402
import reflection_pb2_grpc  # noqa: E402
from offramp.v1 import offload_pb2, offload_pb2_grpc  # noqa: E402

TIMEOUT_S = 60


def tensor_of(sample):
    return offload_pb2.Tensor(
        shape=sample["shape"],
        encoding=offload_pb2.ENCODING_FLOAT32,
        data=bytes.fromhex(sample["data"]),
    )


def answer_of(answer):
    return {
        "label": answer.label,
        "exit": answer.exit,
        "confidence": answer.confidence,
        "bundleDigest": answer.bundle_digest.hex(),
        "policyVersion": answer.policy_version,
        "passed": [outcome.exit for outcome in answer.passed],
    }


def classify(stub, digest, sample):
    request = offload_pb2.ClassifyRequest(bundle_digest=digest, tensor=tensor_of(sample))
    response = stub.Classify(request, timeout=TIMEOUT_S)
    return {**answer_of(response.answer), "probabilities": list(response.probabilities)}


def resume(stub, digest, samples, thresholds):
    requests = [
        offload_pb2.ResumeRequest(
            sample_id=sample_id,
            bundle_digest=digest,
            stage=sample["stage"],
            tensor=tensor_of(sample),
            thresholds=thresholds,
            policy_version=7,
            deadline_ms=TIMEOUT_S * 1000,
        )
        for sample_id, sample in enumerate(samples)
    ]
    # The last one is refused, which must not end the stream.
    requests.append(offload_pb2.ResumeRequest(sample_id=len(samples), bundle_digest=b"\0" * 32))
    found = {}
    for response in stub.Resume(iter(requests), timeout=TIMEOUT_S):
        kind = response.WhichOneof("result")
        found[response.sample_id] = (
            answer_of(response.answer) if kind == "answer" else {"refusal": response.refusal.code}
        )
    return [found[sample_id] for sample_id in range(len(requests))]


def health(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    status = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S).status
    return health_pb2.HealthCheckResponse.ServingStatus.Name(status)


def services(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    (response,) = stub.ServerReflectionInfo(asked, timeout=TIMEOUT_S)
    return [service.name for service in response.list_services_response.service]


request = json.load(sys.stdin)
with grpc.insecure_channel(address) as channel:
    stub = offload_pb2_grpc.OffloadStub(channel)
    digest = bytes.fromhex(request["bundleDigest"])
    report = {
        "classified": [classify(stub, digest, sample) for sample in request["inputs"]],
        "resumed": resume(stub, digest, request["inputs"] + request["activations"], request["thresholds"]),
        "health": health(channel, request["service"]),
        "services": services(channel),
    }
json.dump(report, sys.stdout)
