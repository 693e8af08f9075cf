"""Files that holders of our data give back, and our own: one file here for each kind."""
