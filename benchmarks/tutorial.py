"""What do the pictures of docs/tutorial.md show? Makes them anew from a run of the tutorial.

    python benchmarks/tutorial.py FOLDER

FOLDER is where the commands of the tutorial were run. The curves, and the first screen of the page as Chromium shows it
(apt-get install chromium), are written to docs/images. Copy the tables into the tutorial by hand.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SCREEN = (1000, 1230)
WIDTH = 1000


def main(folder: Path) -> None:
    run = folder / "runs" / "tutorial"
    with TemporaryDirectory() as temporary:
        screen = Path(temporary) / "page.png"
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={SCREEN[0]},{SCREEN[1]}"]
        page = (run / "report.html").resolve().as_uri()
        subprocess.run(["chromium", *options, f"--screenshot={screen}", page], check=True, capture_output=True)
        for name, source in {"tutorial-curves": run / "curves" / "dice.png", "tutorial-page": screen}.items():
            picture = Image.open(source).convert("RGB")
            picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
            picture.save(IMAGES / f"{name}.webp", quality=80)
            print(f"{name}: {(IMAGES / f'{name}.webp').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
