# The commands of every day; CONTRIBUTING.md says more. `just` lists them.

bin := ".venv/bin"

_list:
    @just --list

# Run the tests; `just test -m slow` runs the slow ones.
test *words:
    {{bin}}/pytest -n 2 {{words}}

# Check style and types.
lint:
    {{bin}}/ruff check .
    {{bin}}/ruff format --check .
    {{bin}}/mypy

# Draw the tables of all documents and cards anew.
docs:
    {{bin}}/python -m tools.documents

# Record anew what the bundled weights make of the test picture.
golden:
    {{bin}}/python -m tools.golden

# Check, build and tag a release, such as `just release 1.2.3`; CONTRIBUTING.md has the steps before and after.
release version:
    test -z "$(git status --porcelain)"
    grep -qx 'version = "{{version}}"' pyproject.toml
    grep -qx '__version__ = "{{version}}"' hub/__init__.py
    grep -qE '^## {{version}}, [0-9]{4}-[0-9]{2}-[0-9]{2}$' CHANGELOG.md
    .ci/run
    rm -rf dist
    {{bin}}/python -m build
    {{bin}}/python -m twine check --strict dist/*
    git tag -a "v{{version}}" -m "stylehub {{version}}"
