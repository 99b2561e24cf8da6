"""Translation engines for PyTorch and CTranslate2, with one interface."""
