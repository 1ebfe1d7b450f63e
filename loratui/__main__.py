"""`python -m loratui`."""

from loratui.cli import main

if __name__ == "__main__":
    main()
