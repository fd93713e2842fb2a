"""The one door through which bytes become photos."""
