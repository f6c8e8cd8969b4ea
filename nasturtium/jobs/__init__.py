"""The life of a script: its log, its locks, its GPU, how it ends."""
