"""The model card of an exported model directory: true, and its programs run."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfill_tf.errors import UserError
from deepfill_tf.inference import save_model_directory
from deepfill_tf.storage.model_files import check_replaceable
from tests.small_generators import random_images, random_masks, small_generator


@pytest.fixture
def files(tmp_path, monkeypatch, model_directory):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "this_folder").symlink_to(model_directory)
    Image.fromarray(random_images(30, 41, 3)).save("a.png")
    mask = (random_masks(1, 30, 41)[0, :, :, 0] > 127) * np.uint8(255)
    Image.fromarray(mask).save("a_mask.png")


def test_the_card_states_what_the_model_is(model_directory, generator):
    card = (model_directory / "README.md").read_text()
    assert "| origin of the weights | a test's random numbers |" in card
    assert "| training steps | 7 |" in card
    assert "| licence of the weights | unknown |" in card
    parameters = sum(int(np.prod(w.shape)) for w in generator.weights)
    assert f"`GeneratorV2`, {parameters:,} parameters" in card
    assert (
        "| `serving_default` | `image` uint8 [N, H, W, 3], `mask` uint8 [N, H, W, 1] | "
        "`completed` uint8 [N, H, W, 3] |"
    ) in card
    assert (
        "| `encoded` | `image` string [N], `mask` string [N] | `completed_bytes` string [N] |"
        in (card)
    )
    floats = (f"`{name}` float32 [N, H, W, 3]" for name in ("coarse", "refined", "completed"))
    assert (
        "| `raw` | `image` float32 [N, H, W, 3], `mask` float32 [N, H, W, 1] | "
        f"{', '.join(floats)}, `offsets` int32 [N, h, w, 2] |"
    ) in card


def test_the_programs_of_the_card_complete_an_image(files, model_directory):
    programs = re.findall(
        r"```python\n(.*?)```", (model_directory / "README.md").read_text(), re.DOTALL
    )
    results = []
    for program in programs:
        exec(program, {})
        results.append(np.asarray(Image.open("a_completed.png")))
        Path("a_completed.png").unlink()
    np.testing.assert_array_equal(*results)


def test_cards_of_guided_models_take_a_sketch(tmp_path):
    guided = small_generator(guided=True, channels=2, refinement=False)
    save_model_directory(guided, tmp_path / "model", origin="here", weights_license="CC0-1.0")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "`sketch` uint8 [N, H, W, 1]" in card
    assert 'read_mask("a_sketch.png", image.size).pixels' in card
    assert "| licence of the weights | CC0-1.0 |" in card and "| training steps | unknown |" in card
    assert "encoded" not in card


def test_a_card_with_changes_is_not_overwritten(model_directory, tmp_path):
    folder = shutil.copytree(model_directory, tmp_path / "model")
    check_replaceable(folder)
    with open(folder / "README.md", "a") as card:
        card.write("Trained on my holidays.\n")
    with pytest.raises(
        UserError, match=r"also holds 'README\.md with changes', which would be lost"
    ):
        check_replaceable(folder)
