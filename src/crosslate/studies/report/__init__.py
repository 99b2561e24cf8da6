"""The report of a study: Markdown, JSON and one HTML page, from stored results alone."""
