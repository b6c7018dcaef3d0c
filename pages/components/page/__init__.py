"""What every page does: begin, sidebar, header, panels, sign-in, files."""
