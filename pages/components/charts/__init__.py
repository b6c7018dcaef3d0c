"""Charts: a frame in, a Plotly or pydeck figure drawn."""
