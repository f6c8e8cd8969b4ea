"""Training: fit a model, keep its best admissible epoch, write its history."""
