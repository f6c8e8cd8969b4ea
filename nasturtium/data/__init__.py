"""Data sets: source files, a reader for each data set, the prepared form, splits and batches."""
