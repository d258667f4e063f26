"""Makes a model directory of an original TensorFlow 1 checkpoint; see deepfill_tf.convert."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deepfill_tf.convert import main  # found through the line above

if __name__ == "__main__":
    main()
