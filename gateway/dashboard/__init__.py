"""The operators' pages: files that a browser runs against the REST API, and the routes that serve
them. Nothing is decided here; what a person may see and do is the API's to say."""
