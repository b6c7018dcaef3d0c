"""What a viewer chose, kept in the address: filters, switches, and the parameters themselves."""
