"""Ints and buffers only: the handle table, its pure twin and the choice of backend."""
