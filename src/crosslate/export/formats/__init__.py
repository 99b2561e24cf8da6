"""Export formats; see :mod:`crosslate.export.exporter`."""
