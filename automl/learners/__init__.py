"""What learns: linear models, boosted trees, their sums; each with the kernel that predicts."""
