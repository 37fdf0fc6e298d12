"""What a YAML may say: choices and their knobs, where they lie, and how they are written."""
