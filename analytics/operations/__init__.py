"""What staff do from the command line: look whether all is well, compare both sources, remove a website's rows."""
