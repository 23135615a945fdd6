"""What everything stands on: errors, ranges, numbers, random keys, intervals, files. Knows nothing of models."""
