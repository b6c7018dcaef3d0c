"""Reads that all sessions share: questions, answers, failures, and who waits how long."""
