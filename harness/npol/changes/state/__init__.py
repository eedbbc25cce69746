"""What is there: snapshots, and what became of each object."""
