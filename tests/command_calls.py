"""Commands called in this process, and what stands on standard error."""


def call(module, **values):
    """The exit code of a command called with `--name=value` for each of `values`."""
    arguments = [f"--{name}={value}" for name, value in values.items()]
    return module.COMMAND.exit_code(module.run, arguments)


def assert_one_line(capfd, *parts):
    """Standard error is a single line with all of `parts`."""
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and error.endswith("\n"), error
    assert "Traceback" not in error
    for part in parts:
        assert str(part) in error, error


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
