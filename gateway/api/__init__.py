"""The gateway's REST API: use cases over HTTP, one router file for each resource."""
