"""What its tests import from here."""
