import hashlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data import (
    BrushStrokeMasks,
    ExampleOptions,
    ImagePipeline,
    list_images,
    read_pixels,
)
from deepfill_tf.data.records import list_records, open_shard, read_record
from deepfill_tf.errors import UserError
from tests.preparation.images import PHOTOGRAPHS

PATHS = sorted(str(path) for path in (PHOTOGRAPHS / "train").glob("*.jpg"))


@pytest.fixture
def shards(tmp_path):
    """The photographs of the package in two shards, in order."""
    for number in range(2):
        with open_shard(str(tmp_path / f"train-0000{number}-of-00002.tfrecord")) as writer:
            for path in PATHS[number * 7 : number * 7 + 7]:
                content = Path(path).read_bytes()
                sha256 = hashlib.sha256(content).hexdigest()
                writer.write(content, kind="JPEG", height=1, width=1, source=path, sha256=sha256)
    return tmp_path


def test_tensorflow_reads_the_same_records(shards):
    written = []
    for record in tf.data.TFRecordDataset(sorted(map(str, shards.glob("*.tfrecord")))):
        features = tf.train.Example.FromString(record.numpy()).features.feature
        written.append(features["image/encoded"].bytes_list.value[0])
    assert written == [read_record(a) for a in list_images(f"{shards}/train-*.tfrecord")]


def test_training_sees_the_same_batches_as_from_files(shards):
    options = ExampleOptions(height=64, width=64, random_crop=True, flip=True)
    streams = [
        ImagePipeline(
            paths, options, global_batch_size=4, seed=1, masks=BrushStrokeMasks()
        ).dataset(3)
        for paths in (PATHS, list_images("train-*.tfrecord", str(shards)))
    ]
    for one, two in zip(*(stream.take(4) for stream in streams), strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])


def test_damaged_shards_and_records_are_named(shards):
    shard = shards / "train-00000-of-00002.tfrecord"
    address = list_records(str(shard))[2]
    content = bytearray(shard.read_bytes())
    content[int(address.split("@")[1].split("+")[0]) + 500] ^= 1
    shard.write_bytes(content)
    with pytest.raises(UserError, match=r"tfrecord@\d+\+\d+ is damaged"):
        read_pixels(address)
    with pytest.raises(UserError, match="there is no record at"):
        read_pixels(f"{shard}@5+100")
    shard.write_bytes(content[:-1])
    with pytest.raises(UserError, match="one of the two is damaged"):
        list_images(str(shard))
    (shards / f"{shard.name}.index").unlink()
    with pytest.raises(UserError, match=r"there is no .*tfrecord\.index"):
        list_images(str(shard))
