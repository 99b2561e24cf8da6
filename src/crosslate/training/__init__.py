"""Training: batches, loss, schedules, the loop and its checkpoints."""
