"""What stands between a pod's programs and the machine. Standard library only: forks are small."""
