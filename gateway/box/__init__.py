"""What root does on a box that was made as an image: first boot, updates, factory reset. Needs nothing of the gateway.

`said` and `update_file` are read by the gateway too.
"""
