"""Dataset preparation: inspection, deduplication, splitting and packing into shards."""
