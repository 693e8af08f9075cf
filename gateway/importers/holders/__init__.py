"""Files that companies give back to the people whose meters they read: one module here for each kind."""
