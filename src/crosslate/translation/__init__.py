"""Translation for people: lines, documents, files in bulk."""
