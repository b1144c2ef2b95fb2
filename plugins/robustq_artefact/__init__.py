"""What displays, cameras and file formats do to a picture, in PyTorch alone."""
