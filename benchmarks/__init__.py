"""Figures that anyone can make again: each module prints a table and, with --json FILE, writes it too."""
