# For tests of a file's owner, which do not run here.
