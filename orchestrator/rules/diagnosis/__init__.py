"""What is wrong with an installation, judged from facts that somebody else has gathered."""
