"""The stack under the gate, as it is deployed: database, upstream, web instances, collectors."""
