"""A speech parent and recordings for the experiment in docs/results.md."""
