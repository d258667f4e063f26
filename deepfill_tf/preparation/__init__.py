"""Making a dataset of images as they are found: looked at, sorted out, split and packed."""
