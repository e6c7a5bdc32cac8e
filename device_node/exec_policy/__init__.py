"""The node's own rules about running programs: who may run what, and when a person is asked."""
