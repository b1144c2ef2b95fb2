"""What the text of an option means.

Nothing here imports torch, so that the command line can refuse wrong words at once. May import the registry and what
lies below it.
"""
