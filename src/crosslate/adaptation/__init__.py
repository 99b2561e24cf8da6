"""End-to-end jobs: adapt a parent, train a parent, trim a parent."""
