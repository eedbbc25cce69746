"""What can be said to each command. Completion loads these modules, and nothing that acts."""
