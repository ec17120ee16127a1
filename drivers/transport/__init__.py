"""Links to a board: sockets, serial ports, PyVISA resources, port locks, error mapping."""
