"""One merchant's day, told to the real service by signed HTTP requests; what comes of it is checked promise by promise.

The shop, its people and their `.example` addresses do not exist. The demo is a client: it starts the service as a process of its own, with
a mail server and a consumer of webhooks around it, and looks at what they receive and at what the command line shows.
"""
