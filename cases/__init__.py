"""Trainings that fail and their twins that learn, as data. README.md says what is here."""
