"""Where packs train: the processes of this machine, how far they are, and how they are stopped."""
