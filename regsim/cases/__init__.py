"""The story that runs, tests and courses share: a user logs on, something is held, they log off."""
