"""What comes from inland: acknowledgements, leases, actions, manifests, hotlists."""
