"""What a decision would really have earned."""
