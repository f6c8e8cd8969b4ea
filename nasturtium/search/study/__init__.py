"""The parts that use Optuna: the study that proposes trials, for one process or several."""
