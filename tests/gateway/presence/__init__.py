"""Who is there, and notes for agents."""
