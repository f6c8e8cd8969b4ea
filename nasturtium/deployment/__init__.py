"""Files for use elsewhere: how they are made from a model, and their quality."""
