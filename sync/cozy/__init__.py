"""A Cozy (cozy-stack) as the owner's own cloud: the way in, its documents, and how readings lie there."""
