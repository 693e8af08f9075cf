"""`releve decode`: captured bytes in, JSON lines out."""
