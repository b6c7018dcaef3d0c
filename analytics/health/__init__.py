"""Judges from measurements whether the sources answer, events arrive and caches save reads."""
