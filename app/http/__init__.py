"""HTTP: connections, routes, the exchange of a request for an answer, and the pages for people."""
