"""What an option's text means: levels, names, quantisers, checks, values.

Never imports torch, so that a wrong word is answered at once. Imports from the registry and the files below it only.
"""
