"""State on disk: one SQLite file per kind of life, its migrations, blobs, and page cursors."""
