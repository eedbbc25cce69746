"""From manifests and API objects to the nouns, and back."""
