"""Reports of an evaluation: tables, plots, images, and the files that hold them."""
