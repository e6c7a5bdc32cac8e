"""The format of backups."""
