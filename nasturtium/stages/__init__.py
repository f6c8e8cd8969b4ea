"""The stages of the study, one file each, top to bottom."""
