"""What lies on disk, one format in each file."""
