"""What to ask, where, how to judge it, and when it is final. Pure: time is passed in."""
