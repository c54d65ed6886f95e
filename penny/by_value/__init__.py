"""What a pickle holds of functions, classes and exceptions that the other side can't import."""
