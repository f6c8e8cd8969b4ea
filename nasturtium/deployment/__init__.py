"""Files for use elsewhere: TFLite, int8, a card, and a way to predict."""
