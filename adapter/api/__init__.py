"""What is served over HTTP: the door for storefronts, health, metrics and the published schemas."""
