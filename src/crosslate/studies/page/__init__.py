"""The report as one HTML page: the document, its pictures as SVG, its style sheet and script."""
