"""What is asked: the settings that are tried, the functions they train, the batches, the plan."""
