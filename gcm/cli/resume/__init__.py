"""Going on with what was stopped: trainings and studies."""
