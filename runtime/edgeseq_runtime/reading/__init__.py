"""How the text of samples is read: what training found out about it, and the grammar that host and device share."""
