"""Formats of documents, one module each; a module is found by its being here."""
