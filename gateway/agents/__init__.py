"""Agents: who answers a turn, with which model and which tools."""
