"""Starting a Homarus program with the machine: systemd user units and launchd agents, shown before written.

Both programs use it. `homarus gateway` imports it; `homarus node`, which may not import the gateway, finds it
through the entry point `homarus.service` and says in plain values what is to be started.
"""
