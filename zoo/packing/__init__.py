"""Publishing: a checkpoint to one archive, an archive to an installed model, a name to its folder.

`pack` makes an archive, `fetch` installs one from a path or an address, `find` knows folders, installed models and
those that come with the package.
"""

from zoo.packing.fetching import fetch
from zoo.packing.home import Installed, files_of, home_folder, installed, sample_of, shipped
from zoo.packing.installing import find
from zoo.packing.making import Packed, Sample, pack
from zoo.packing.manifest import FILES

__all__ = [
    "FILES",
    "Installed",
    "Packed",
    "Sample",
    "fetch",
    "files_of",
    "find",
    "home_folder",
    "installed",
    "pack",
    "sample_of",
    "shipped",
]
