"""Results by e-mail: ``message`` writes the mail, ``post`` sends what is due, and tries again."""
