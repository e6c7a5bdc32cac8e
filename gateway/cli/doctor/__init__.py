"""What `homarus doctor` looks at, one subject per module; each check returns findings and changes nothing."""
