"""`python -m robustq_cli` is the command line `robustq`; `accelerate launch -m robustq_cli` starts it several times."""

from robustq_cli.main import main

if __name__ == "__main__":
    main()
