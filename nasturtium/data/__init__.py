"""Data sets: source files, one reader a data set, the prepared form, splits and batches."""
