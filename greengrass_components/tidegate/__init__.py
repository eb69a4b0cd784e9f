"""The gateway's library: from a field bus to a batch that the cloud has taken."""
