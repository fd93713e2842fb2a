"""Looking for malware in files that strangers send."""
