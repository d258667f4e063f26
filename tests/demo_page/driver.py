"""The demo's page in a browser, driven as a person would."""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Dialog, Page, expect

# Around a photograph that fits into the window, in CSS pixels, and how far it is enlarged at most.
MARGIN = 24
MAX_SCALE = 4


@dataclass
class Driver:
    """A page that was opened.

    Attributes:
      page: of playwright.
      errors: what the console said as errors, and exceptions.
      origins: of everything that was requested.
      accepts: the answer to questions.
      questions: that the page asked.
    """

    page: Page
    errors: list[str]
    origins: set[str]
    accepts: bool = True
    questions: list[str] = field(default_factory=list)

    def answer(self, dialog: Dialog) -> None:
        self.questions.append(dialog.message)
        if self.accepts:
            dialog.accept()
        else:
            dialog.dismiss()

    def says(self, text: str, seconds: float = 60) -> None:
        """Waits until the status line contains a text."""
        status = self.page.locator("#status")
        expect(status).to_contain_text(re.compile(text), timeout=1000 * seconds)

    def open(self, path: Path | str, says: str = "Paint over") -> None:
        self.page.set_input_files("#file", path)
        self.says(says)

    def open_pixels(self, pixels: np.ndarray, folder: Path) -> None:
        """Opens uint8 `[H, W, 3]` as `photo.png`."""
        Image.fromarray(pixels).save(folder / "photo.png")
        self.size = pixels.shape[1::-1]
        self.open(folder / "photo.png", says=f"{self.size[0]} × {self.size[1]} pixels")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the photograph is on the page, as long as it fits into the window."""
        box = self.page.locator("#canvas").bounding_box()
        assert box is not None
        width, height = self.size
        room = box["width"] - 2 * MARGIN, box["height"] - 2 * MARGIN
        scale = min(room[0] / width, room[1] / height, MAX_SCALE)
        left = box["x"] + (box["width"] - width * scale) / 2
        top = box["y"] + (box["height"] - height * scale) / 2
        return left + x * scale, top + y * scale

    def drag(self, *points: tuple[float, float]) -> None:
        """Drags the mouse through points of the photograph."""
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=4)
        self.page.mouse.up()

    def select(self, name: str) -> None:
        """Selects a tool or a view."""
        self.page.locator("label", has_text=re.compile(f"^{name}$")).click()

    def complete(self, seconds: float = 60) -> None:
        self.page.click("#complete")
        self.says("Done in", seconds)

    def saved(self, button: str = "save") -> np.ndarray:
        """The pixels of the PNG file that a button saves, uint8 `[H, W, 3]`."""
        with self.page.expect_download() as download:
            self.page.click(f"#{button}")
        content = Path(download.value.path()).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "PNG"
            return np.asarray(image.convert("RGB"))

    def saved_mask(self) -> np.ndarray:
        """The saved mask, bool `[H, W]`."""
        mask = self.saved("save-mask")
        assert set(np.unique(mask)) <= {0, 255}
        return mask[:, :, 0] > 0

    def color_at(self, x: float, y: float) -> np.ndarray:
        """The colour of the screen at a point of the photograph."""
        self.page.wait_for_timeout(100)  # for the next frame
        left, top = self.at(x, y)
        clip = {"x": round(left), "y": round(top), "width": 1, "height": 1}
        screen = Image.open(io.BytesIO(self.page.screenshot(clip=clip)))
        return np.asarray(screen.convert("RGB"))[0, 0].astype(int)

    def module(self, name: str, expression: str, argument: Any = None) -> Any:
        """The value of an expression of a module's exports `m` and an argument `a`."""
        return self.page.evaluate(
            f"async (a) => {{ const m = await import('./{name}'); return {expression}; }}", argument
        )
