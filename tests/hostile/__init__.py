"""What must not crash it, hang it, lose data or make it run code: a file for each kind, a test for each finding."""
