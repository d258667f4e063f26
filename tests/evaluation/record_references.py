"""Records what PyTorch programs make of seeded networks and images: references.json and *.pth.

pip install torch torchvision lpips==0.1.4 pytorch-fid==0.3.0
python -m tests.evaluation.record_references
"""

import contextlib
import json
from pathlib import Path
from unittest import mock

import lpips
import numpy as np
import torch
import torchvision
from pytorch_fid import inception

from tests.evaluation.seeded_networks import image_pair, inception_weights, lpips_weights

SIZE = (75, 90)
PATH = Path(__file__).parent / "references.json"


def as_torch(kernel: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))


def scaled(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]


def lpips_values(network: str) -> dict[str, float]:
    """Distance, and mean of the map over the hole."""
    weights = lpips_weights(network)
    values = {}
    image, completed, inside = image_pair(*SIZE)
    for spatial in (False, True):
        model = lpips.LPIPS(
            net="alex" if network == "alexnet" else "vgg",
            pretrained=False,
            pnet_rand=True,
            spatial=spatial,
            verbose=False,
        ).eval()
        load_lpips(model, weights)
        with torch.no_grad():
            distance = model(scaled(image), scaled(completed)).numpy()[0, 0]
        values["in_hole" if spatial else "whole"] = float(
            distance[inside].mean() if spatial else distance.mean()
        )
    return values


def load_lpips(model: lpips.LPIPS, weights: dict) -> None:
    """Gives a model weights as `lpips_weights` returns them."""
    backbone = next(value for key, value in weights.items() if not key.startswith("NetLin"))
    convolutions = [m for m in model.net.modules() if isinstance(m, torch.nn.Conv2d)]
    for i, layer in enumerate(convolutions):
        layer.weight.data = as_torch(backbone[f"Conv_{i}"]["kernel"])
        layer.bias.data = torch.from_numpy(backbone[f"Conv_{i}"]["bias"])
    for i, head in enumerate(model.lins):
        [layer] = [m for m in head.modules() if isinstance(m, torch.nn.Conv2d)]
        layer.weight.data = as_torch(weights[f"NetLinLayer_{i}"]["Conv_0"]["kernel"])


def inception_values() -> dict:
    """Shapes of the weights, and every 64th feature of two images."""
    with contextlib.ExitStack() as stack:
        # The file of trained weights is not downloaded.
        stack.enter_context(mock.patch.object(inception, "load_state_dict_from_url"))
        stack.enter_context(
            mock.patch.object(torchvision.models.Inception3, "load_state_dict", lambda *_: None)
        )
        model = inception.InceptionV3([3]).eval()
        network = inception.fid_inception_v3()
    shapes = {
        name: list(value.shape)
        for name, value in network.state_dict().items()
        if "num_batches" not in name and not name.startswith(("fc", "AuxLogits"))
    }
    tensors = {k: torch.from_numpy(v) for k, v in inception_weights(shapes).items()}
    # The blocks of `model` are the layers of a network like `network`, in its order.
    layers = [m for m in model.blocks.modules() if isinstance(m, inception.nn.Conv2d)]
    norms = [m for m in model.blocks.modules() if isinstance(m, inception.nn.BatchNorm2d)]
    names = [n.removesuffix(".conv.weight") for n in shapes if n.endswith("conv.weight")]
    for name, layer, norm in zip(names, layers, norms, strict=True):
        layer.weight.data = tensors[f"{name}.conv.weight"]
        for part in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, part).data = tensors[f"{name}.bn.{part}"]
    images = np.stack(image_pair(*SIZE)[:2])
    with torch.no_grad():
        features = model(torch.from_numpy(images).permute(0, 3, 1, 2) / 255)[0]
    return {"shapes": shapes, "features": features[:, ::64, 0, 0].numpy().tolist()}


def small_state_dict() -> dict[str, torch.Tensor]:
    """Values count up; `part` and `count` share storages with other values."""
    values = torch.arange(12, dtype=torch.float32)
    return {
        "kernel": torch.nn.Parameter(values.reshape(3, 4)),
        "part": values[4:10].reshape(2, 3),
        "count": torch.tensor(7),
        "double": torch.arange(3, dtype=torch.float64) / 2,
    }


def main() -> None:
    values = {f"lpips_{name}": lpips_values(name) for name in ("alexnet", "vgg16")}
    values["inception"] = inception_values()
    PATH.write_text(json.dumps(values) + "\n")
    for name, is_archive in (("archive.pth", True), ("sequence.pth", False)):
        torch.save(
            small_state_dict(), PATH.parent / name, _use_new_zipfile_serialization=is_archive
        )


if __name__ == "__main__":
    main()
