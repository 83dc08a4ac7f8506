"""deploy/ray-cluster.yaml and deploy/scan-job.yaml, as far as that goes without a cluster."""

from pathlib import Path

import yaml

from deepfake.cli import parser

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_ray_takes_the_cluster_file():
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())))


def test_the_job_gives_a_command_that_there_is():
    job = yaml.safe_load((DEPLOY / "scan-job.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"][:3] == ["python", "-m", "deepfake"]
    options = parser().parse_args(container["command"][3:])
    assert options.sources == ["/photos"] and options.output == Path("/results/rows.jsonl")
    assert options.workers == int(container["resources"]["requests"]["cpu"])
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
    # Nobody can go on with a journal that goes with the pod.
    assert str(options.output).startswith(mounts["results"])
    assert job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [1, 2, 3]
