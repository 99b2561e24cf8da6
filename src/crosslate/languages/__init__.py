"""Languages and scripts: everything that depends on one is asked here."""
