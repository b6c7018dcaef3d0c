"""The processes of the local stack: what is started, watched and stopped, in which order."""
