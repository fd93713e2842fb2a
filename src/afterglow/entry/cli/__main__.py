"""`python -m afterglow.entry.cli`, which the console script stands for."""

from afterglow.entry.cli.main import main

if __name__ == "__main__":
    main()
