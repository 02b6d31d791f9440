"""The version, in its one place; told without asking for the metadata of the installation."""

VERSION = "0.1.0"
