"""What the registry of an installed system holds before anybody writes to it, with sources."""
