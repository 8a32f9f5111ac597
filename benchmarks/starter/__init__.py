"""The starter on real series that it has never seen, beside what is fitted to each; and what many streams cost."""
