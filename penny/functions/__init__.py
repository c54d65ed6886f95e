"""How functions travel: once each, and from then on by number."""
