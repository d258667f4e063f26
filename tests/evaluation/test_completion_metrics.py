import numpy as np

from deepfill_tf.evaluation import completion_metrics, image_metrics
from tests.evaluation.seeded_networks import image_pair


def test_of_each_image_with_and_without_its_prediction():
    image, predicted, inside = image_pair(20, 30)
    predicted[0, 0] ^= 255
    images, predictions = np.stack([image, image]), np.stack([predicted, image])
    masks = np.stack([inside, inside])[..., None]
    first, exact = completion_metrics(images, predictions, masks)
    completed = np.where(masks[0], predicted, image)
    hole = masks[0].astype(np.uint8) * 255
    assert first == image_metrics(image, completed, hole, predicted)
    assert first["l1_of_prediction"] > first["l1"]
    assert exact == image_metrics(image, image, hole)
    plain, _ = completion_metrics(images, predictions, masks, of_prediction=False)
    assert plain == image_metrics(image, completed, hole)


def test_lpips_has_rows_of_the_completed_image_and_of_the_prediction():
    """The networks are called with originals first."""
    calls = []

    def mean_difference(image, other, inside=None):
        calls.append(inside)
        return {"lpips_alex": float(other.mean() - image.mean())}

    image = np.full([1, 16, 16, 3], 50, np.uint8)
    masks = np.zeros([1, 16, 16, 1], bool)
    masks[0, :8] = True
    [row] = completion_metrics(image, image + np.uint8(20), masks, [mean_difference])
    assert (row["lpips_alex"], row["lpips_alex_of_prediction"]) == (10, 20)
    assert [None if inside is None else inside.sum() for inside in calls] == [128, None]
