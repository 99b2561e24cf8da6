"""What translates: texts in, texts out, by PyTorch or CTranslate2, with one interface."""
