"""One file per kind of BPMN element: Camunda's semantics on Spiff's specs. Frozen once a definition is parsed."""
