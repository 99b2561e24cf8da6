"""Formats that packs can be exported to; see :mod:`crosslate.export.exporter`."""
