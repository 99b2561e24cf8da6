"""Whole studies: recipes, grids of independent resumable cells, and the report on them."""
