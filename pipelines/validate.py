"""Every rule of the schema, on the artefact."""

import sys
from pathlib import Path

from mmfeat import artifact, console, schema
from mmfeat.errors import SchemaError
from mmfeat.safe_write import replacing


def main(name: str) -> None:
    """Fail with the report, or leave a note that the artefact is valid."""
    path = Path(f"data/aligned/{name}.h5")
    problems = artifact.validate(path)
    if problems:
        raise SchemaError(schema.report(problems, str(path)))
    with replacing(Path(f"data/aligned/{name}.valid.txt")) as beside:
        beside.write_text(f"{path}: valid, schema version {schema.SCHEMA_VERSION}\n")


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
