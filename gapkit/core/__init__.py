"""What everything stands on: errors, numbers, random keys, intervals, files. Knows nothing of models."""
