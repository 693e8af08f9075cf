"""The gateway: ports, store, catalogue, and what ties them together."""
