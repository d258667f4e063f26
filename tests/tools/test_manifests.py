"""The Kubernetes manifests match the published schemas, and the program that they start."""

import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kubeflow.training import models as training_models

from deepfill_tf.configuration import find_config, parse
from deepfill_tf.train import COMMAND

# As the README says.
RESTART = 75

FOLDER = Path(__file__).parents[2] / "tools" / "cluster" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
DOCUMENTS = [
    pytest.param(document, id=f"{path.name}-{document['kind']}")
    for path in FILES
    for document in yaml.safe_load_all(path.read_text())
]
# The first is the oldest with all that they use, as indexed_job.yaml says.
KUBERNETES_VERSIONS = ("1.31", "1.37")


def document_of(name: str, kind: str) -> dict:
    documents = yaml.safe_load_all((FOLDER / name).read_text())
    return next(document for document in documents if document["kind"] == kind)


def pod_template(document: dict) -> dict | None:
    """The template of the pods that train, if the manifest has one."""
    if document["kind"] == "TFJob":
        return document["spec"]["tfReplicaSpecs"]["Worker"]["template"]
    return document["spec"].get("template")


def container(document: dict) -> dict:
    (one,) = pod_template(document)["spec"]["containers"]
    return one


TRAINING = [entry for entry in DOCUMENTS if pod_template(entry.values[0])]
JOBS = [entry for entry in DOCUMENTS if entry.values[0]["kind"] == "Job"]


def test_every_manifest_is_tested():
    assert [path.name for path in FILES] == [
        "claim.yaml",
        "indexed_job.yaml",
        "tfjob.yaml",
        "tpu_job.yaml",
    ]
    assert len(TRAINING) == 3 and len(JOBS) == 2


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_manifests_match_the_schema_of_kubernetes(document, version):
    if document["kind"] == "TFJob":
        # Kubernetes knows what is in it: pods.
        template = pod_template(document)
        document = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "a"}}
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("change", ["apiVersion", "unknown field", "type"])
def test_the_schema_of_kubernetes_rejects_errors(change):
    job = document_of("indexed_job.yaml", "Job")
    if change == "apiVersion":
        job["apiVersion"] = "batch/v7"
    elif change == "unknown field":
        job["spec"]["podFailurePolice"] = {}
    else:
        job["spec"]["completions"] = "two"
    with pytest.raises(
        (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)
    ):
        kubernetes_validate.validate(job, "1.31", strict=True)


def misfits(value, kind: str, models: dict, place: str) -> list[str]:
    """Where a value does not fit a type of the training operator's own Python client.

    Pods' parts are left to Kubernetes' schema.
    """
    if of_dict := re.fullmatch(r"dict\(str, (.+)\)", kind):
        return [m for k, v in value.items() for m in misfits(v, of_dict[1], models, f"{place}.{k}")]
    if kind in ("str", "int", "bool"):
        return [] if type(value).__name__ == kind else [f"{place} must be {kind}"]
    if kind not in models:
        assert kind in ("V1ObjectMeta", "V1PodTemplateSpec"), kind
        return []
    model = models[kind]
    names = {json_name: name for name, json_name in model.attribute_map.items()}
    found = [f"{place} has no {key}" for key in value.keys() - names.keys()]
    for key in value.keys() & names.keys():
        found += misfits(value[key], model.openapi_types[names[key]], models, f"{place}.{key}")
    return found


@pytest.fixture(scope="module")
def operator_models() -> dict:
    return {
        name: getattr(training_models, name)
        for name in dir(training_models)
        if name.startswith("Kubeflow")
    }


def test_the_tfjob_matches_the_schema_of_the_operator(operator_models):
    tfjob = document_of("tfjob.yaml", "TFJob")
    assert tfjob["apiVersion"] == "kubeflow.org/v1"
    assert misfits(tfjob, "KubeflowOrgV1TFJob", operator_models, "TFJob") == []


@pytest.mark.parametrize(
    ("change", "misfit"),
    [
        ({"runPolicies": {}}, "TFJob.spec has no runPolicies"),
        ({"runPolicy": {"backoffLimit": "6"}}, "TFJob.spec.runPolicy.backoffLimit must be int"),
        ({"tfReplicaSpecs": {"Worker": {"replica": 2}}}, "TFJob.spec.tfReplicaSpecs.Worker has no"),
    ],
)
def test_the_schema_of_the_operator_rejects_errors(operator_models, change, misfit):
    found = misfits({"spec": change}, "KubeflowOrgV1TFJob", operator_models, "TFJob")
    assert len(found) == 1 and found[0].startswith(misfit)


@pytest.mark.parametrize("document", TRAINING)
def test_flags_and_configs_exist(document):
    arguments = container(document)["args"]
    values = COMMAND.parse(arguments)
    assert values.run_dir
    for name in values.gin_file:
        assert Path(find_config(name)).exists()


@pytest.mark.parametrize("document", TRAINING)
def test_bindings_exist(document):
    values = COMMAND.parse(container(document)["args"])
    parse(values.gin_file, values.gin_param)


@pytest.mark.parametrize("document", TRAINING)
def test_sigterm_reaches_python_and_leaves_time_to_save(document):
    # Process 1 of the container: a shell would not pass signals on.
    assert container(document)["command"] == ["python", "-m", "deepfill_tf.train"]
    # Kubernetes' own 30 seconds may be too few.
    assert pod_template(document)["spec"]["terminationGracePeriodSeconds"] > 30


@pytest.mark.parametrize("document", TRAINING)
def test_run_directory_and_images_are_on_the_shared_claim(document):
    claim = document_of("claim.yaml", "PersistentVolumeClaim")
    volumes = pod_template(document)["spec"]["volumes"]
    assert claim["metadata"]["name"] in {
        volume.get("persistentVolumeClaim", {}).get("claimName") for volume in volumes
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in container(document)["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in volumes}
    run_dir = COMMAND.parse(container(document)["args"]).run_dir
    environment = {entry["name"]: entry["value"] for entry in container(document)["env"]}
    for path in (run_dir, environment["DEEPFILL_DATA"]):
        assert path.startswith(mounts["deepfill"] + "/")


def test_the_operator_restarts_after_75():
    """Its policy ExitCode would not: it takes all codes below 128 for permanent."""
    assert RESTART < 128
    worker = document_of("tfjob.yaml", "TFJob")["spec"]["tfReplicaSpecs"]["Worker"]
    assert worker["restartPolicy"] == "OnFailure"
    # Others the operator does not look for.
    assert worker["template"]["spec"]["containers"][0]["name"] == "tensorflow"


@pytest.mark.parametrize("document", JOBS)
def test_jobs_restart_after_75_and_fail_after_1(document):
    actions = {}
    for rule in document["spec"]["podFailurePolicy"]["rules"]:
        if "onExitCodes" in rule:
            assert rule["onExitCodes"]["operator"] == "In"
            assert rule["onExitCodes"]["containerName"] == container(document)["name"]
            actions |= dict.fromkeys(rule["onExitCodes"]["values"], rule["action"])
    assert actions == {1: "FailJob", RESTART: "Ignore"}
    # What a policy for failures asks for.
    assert pod_template(document)["spec"]["restartPolicy"] == "Never"


def test_workers_of_the_indexed_job_have_the_names_of_their_pods():
    service = document_of("indexed_job.yaml", "Service")
    job = document_of("indexed_job.yaml", "Job")
    name, subdomain = job["metadata"]["name"], job["spec"]["template"]["spec"]["subdomain"]
    count = job["spec"]["completions"]
    assert job["spec"]["completionMode"] == "Indexed" and job["spec"]["parallelism"] == count
    assert service["metadata"]["name"] == subdomain and service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    environment = {entry["name"]: entry["value"] for entry in container(job)["env"]}
    (port,) = {port["containerPort"] for port in container(job)["ports"]}
    assert environment["DEEPFILL_WORKERS"].split(",") == [
        f"{name}-{index}.{subdomain}:{port}" for index in range(count)
    ]


def test_the_container_image_is_built_from_existing_files():
    root = FOLDER.parents[2]
    recipe = (FOLDER.parent / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (.+) \S+$", recipe, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (root / name).exists(), name
    tags = {f"registry.example.com/deepfill_tf:{tag}" for tag in ("gpu", "tpu")}
    assert all(tag in recipe for tag in tags)
    assert {container(entry.values[0])["image"] for entry in TRAINING} == tags
