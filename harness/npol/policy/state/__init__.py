"""Everything that decides a flow at one moment, and how changes make the next one."""
