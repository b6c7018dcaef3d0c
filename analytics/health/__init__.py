"""Whether the sources answer and data flows, judged from what was measured."""
