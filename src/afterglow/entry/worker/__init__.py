"""The worker process: runs the steps of the pipeline."""
