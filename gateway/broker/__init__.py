"""What the broker is told: who may connect, who may say and read what, and its configuration.

Files in `broker/` of the data folder, and nothing else: no connection to the broker lives here.
"""
