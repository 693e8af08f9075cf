"""Meter decoders: bytes in, readings out. No input or output, no clock, nothing of ours imported from above."""
