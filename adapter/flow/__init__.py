"""What happens, one file per stage: receive, verify, store, normalise, route, act, sweep."""
