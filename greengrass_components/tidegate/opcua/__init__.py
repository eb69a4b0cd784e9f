"""OPC UA: subscriptions with the server's own deadband, on asyncua."""
