"""What a person may ask and order: the command line."""
