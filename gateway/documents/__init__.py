"""Papers for people, of what is signed: pure, values in and bytes out. The same values give the
same bytes. Nothing here decides or computes money; it is only written out."""
