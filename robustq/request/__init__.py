"""What the text of an option means. Nothing here imports torch, so a wrong word is refused at once."""
