from deepfill_tf.evaluation.model import EvaluatedModel
from deepfill_tf.storage.model_files import Provenance, write_model_files
from tests.small_generators import small_generator


def test_the_identity_is_that_of_weights_and_architecture(tmp_path):
    """Rows of a cache belong to both."""
    identities = []
    for i, options in enumerate([{}, {}, {"detail_weight": 0.5}, {"seed": 1}]):
        folder = tmp_path / str(i)
        folder.mkdir()
        write_model_files(small_generator(**options), folder, Provenance("a test's"))
        identities.append(EvaluatedModel(folder).identity)
    assert identities[0] == identities[1]
    assert len(set(identities)) == 3
