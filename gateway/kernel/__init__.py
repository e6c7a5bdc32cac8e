"""What every feature stands on: RPC, the network, the stores, tasks, configuration. Knows no feature."""
