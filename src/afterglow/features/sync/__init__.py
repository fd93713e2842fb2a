"""The feed: everything of an owner once, then every change, in an order in which a replica converges."""
