"""Who may do what: one pure decision, and its enforcement."""
