"""Bytes at rest: the object store port with its adapters, and the spool through which bytes enter."""
