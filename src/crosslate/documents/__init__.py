"""Documents of many kinds as sentences to translate, and back: what is no text comes back as it was."""
