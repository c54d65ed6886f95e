"""What engines share whose other half is JavaScript: both halves of what talks through ports."""
