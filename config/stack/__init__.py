"""`python -m config.stack`, which `make run` starts: database, migrations, first administrator and
all processes."""
