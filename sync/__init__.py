"""A process of its own: takes granted parcels from the gateway's socket, and brings them to the target that was granted."""
