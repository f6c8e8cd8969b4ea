"""What is Optuna's: the study that a search asks for its next trial, alone or shared."""
