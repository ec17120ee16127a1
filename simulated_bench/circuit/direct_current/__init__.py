"""Direct-current solutions of the crossbar circuit."""
