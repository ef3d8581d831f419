"""The commands, one in each module: parse, call one function, print."""
