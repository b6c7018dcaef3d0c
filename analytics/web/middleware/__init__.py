"""ASGI middleware: headers, cookies, refusals, request lines, the way back after sign-in."""
