"""`python -m kubernaut` is the `kubernaut` command."""

from kubernaut.cli import main

if __name__ == "__main__":
    main()
