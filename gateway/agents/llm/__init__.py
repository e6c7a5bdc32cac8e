"""Agents that think with a language model. What is heavy is imported when the first of their turns runs."""
