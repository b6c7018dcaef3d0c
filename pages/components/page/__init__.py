"""What every page does: begin, sidebar, header, panels, filters, URL state, sign-in."""
