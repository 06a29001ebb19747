"""The files of the competition: written exactly, read back, validated."""
