"""The reference nets, the search spaces, and the frame around both."""
