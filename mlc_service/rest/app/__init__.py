"""APIs of our own that are neither Camunda's nor ModelOp's documents: online scoring and the ticket board."""
