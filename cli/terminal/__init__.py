"""What is only there for people at a terminal."""
