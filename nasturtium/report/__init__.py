"""Tables and figures of the whole study."""
