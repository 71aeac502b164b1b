"""When and where actions run: in this process on the embedded database, spread by procrastinate on PostgreSQL."""
