"""Every network's parameters: the table of docs/parameters.md."""

import functools
import json
import re
from pathlib import Path

import pytest

from deepfill_tf import networks
from deepfill_tf.compat import named_variables
from deepfill_tf.networks.architecture import build_model
from tests.reference import reference_path
from tests.reference_networks import released_discriminator_name, released_generator_name

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+)\((.*)\)` \| ([\d,]+) \|", re.MULTILINE)
TABLE = ROW.findall((ROOT / "docs" / "parameters.md").read_text())


@functools.cache
def built(network, **arguments):
    return build_model(network(**arguments))


@pytest.mark.parametrize(("network", "arguments", "count"), TABLE)
def test_the_table(network, arguments, count):
    keywords = eval(f"dict({arguments})")  # the documentation's own words
    model = built(getattr(networks, network), **keywords)
    trainable = sum(
        v.shape.num_elements() for v in named_variables(model.trainable_variables).values()
    )
    assert trainable == int(count.replace(",", ""))
    assert (
        trainable
        + sum(
            v.shape.num_elements() for v in named_variables(model.non_trainable_variables).values()
        )
        == model.count_params()
    )


def test_the_table_has_every_network():
    assert {network for network, *_ in TABLE} == set(networks.__all__)


@pytest.mark.parametrize(
    ("net", "generator", "discriminator"),
    [
        ("v1", networks.GeneratorV1, networks.GlobalLocalDiscriminator),
        ("v2", networks.GeneratorV2, networks.PatchDiscriminator),
        ("v2_guided", networks.GeneratorV2, networks.PatchDiscriminator),
    ],
)
def test_variables_are_those_of_the_released_programs(net, generator, discriminator):
    options = {"guided": True} if net == "v2_guided" else {}
    recorded = json.loads(reference_path(f"variables_{net}.json").read_text())
    for role, network, name_of in (
        ("generator", generator, released_generator_name),
        ("discriminator", discriminator, released_discriminator_name),
    ):
        model = built(network, **options)
        trainable = set(named_variables(model.trainable_variables))
        ours = {
            name_of(name): (tuple(v.shape), name in trainable)
            for name, v in named_variables(model.weights).items()
        }
        assert ours == {
            v["name"]: (tuple(v["shape"]), v["trainable"]) for v in recorded if v["role"] == role
        }
