"""Traffic that was seen, against policies: what they would cut, and a story made of it."""
