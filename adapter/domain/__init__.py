"""What is true. Pure: no input or output, no clock, no randomness. Money never passes through a float."""
