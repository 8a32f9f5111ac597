"""`predict --mqtt` beside a bare program that only sends back what comes."""
