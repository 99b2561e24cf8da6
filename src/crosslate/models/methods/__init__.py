"""Ways in which a group of parameters learns."""
