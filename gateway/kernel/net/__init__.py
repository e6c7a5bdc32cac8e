"""The one port: HTTP and WebSocket, connections, outboxes and the event hub."""
