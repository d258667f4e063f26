"""Making a dataset of pictures as they are found: looked at, sorted out, split and packed."""
