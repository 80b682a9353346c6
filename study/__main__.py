"""`python -m study` is the same program as the console script `study`."""

from study.cli import main

if __name__ == "__main__":
    main()
