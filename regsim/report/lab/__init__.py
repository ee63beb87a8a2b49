"""The lab: stories of frames, and the one page that steps through them."""
