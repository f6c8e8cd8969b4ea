"""Files for use elsewhere: how they are made of a model, and what they are worth."""
