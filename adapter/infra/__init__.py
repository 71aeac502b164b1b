"""With which tools: the only code that knows databases, browsers, mail servers and sockets."""
