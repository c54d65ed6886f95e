"""What to do instead, beside an error that says only what there is not."""
