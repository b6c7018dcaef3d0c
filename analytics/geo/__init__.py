"""Countries, cells of the globe, the night side. No network; outlines are read from a file once."""
