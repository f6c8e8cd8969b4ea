"""The configuration: its schema, what each stage depends on, which runs there are."""
