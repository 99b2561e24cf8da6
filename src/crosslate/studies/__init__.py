"""Studies: recipes, grids of independent resumable cells, and reports."""
