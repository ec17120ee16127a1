"""Report of a mapped network: JSON, pictures, one HTML page."""
