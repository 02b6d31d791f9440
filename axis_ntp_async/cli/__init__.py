"""
Arguments, settings and exit codes over the doors of the package.

Read `main.py` first, then `commands.py`: what there is to type. Both import
nothing heavy, so that `--help` and completion are quick; each command imports
the file that does its work. `fleet.py` holds what those have in common.
"""
