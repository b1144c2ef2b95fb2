"""Files of run directories, on the disk of this machine or in an object store such as S3.

May import `requirements`, `errors`, `shapes`, `architecture`, `first_sentence` and `stopwatch` and what stands
below them.
"""
