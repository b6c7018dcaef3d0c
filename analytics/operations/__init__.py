"""What staff do from the command line: check the deployment, compare both sources, remove a website's rows."""
