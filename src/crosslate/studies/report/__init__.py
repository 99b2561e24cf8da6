"""The report of a study in Markdown, JSON and HTML, from stored results."""
