"""CNNs that are interpretable by design, measured against post-hoc heat maps."""
