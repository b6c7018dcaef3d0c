"""The web server around the pages: ASGI middleware, health and metrics endpoints, logs. Without Streamlit.

`asgi_app.py` puts it together.
"""
