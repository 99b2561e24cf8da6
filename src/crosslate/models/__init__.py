"""Models: parent, anatomy, sides, strategies, plan and child."""
