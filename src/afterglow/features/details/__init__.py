"""The composed photo: everything that is known of it, for the API, and for its sidecar."""
