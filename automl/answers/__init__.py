"""What a model says, as values and as the JSON text `ml_results`."""
