"""What tests share: the daemon as a real process, a hand-written wire client, scripted peers."""
