"""What stands between a browser and the pages: pure ASGI, without Streamlit. `asgi_app.py` puts it together."""
