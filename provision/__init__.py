"""Setting a board up from a computer, over its serial port. Nothing imports this room."""
