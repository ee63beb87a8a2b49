"""What other projects use in their tests."""
