"""Source files: what they can say, how they are read, and (beside this file) those that come with orlog."""
