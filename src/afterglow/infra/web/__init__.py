"""The technique of HTTP: problems, files and ranges, multipart bodies, security headers; no domain."""
