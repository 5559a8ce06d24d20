"""The lessons as a site of plain pages: no kernel, no server, no network. `make site` builds it."""
