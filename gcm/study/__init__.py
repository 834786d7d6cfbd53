"""What is bigger than a map: measurements over whole test sets."""
