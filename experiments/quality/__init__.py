"""How good degradations and restorers are, against simpler ways."""
