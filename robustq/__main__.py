"""`python -m robustq` is the command line `robustq`."""

from robustq_cli.main import main

if __name__ == "__main__":
    main()
