"""Images for models that read them, opened by Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosslate.errors import InputError, MissingExtra


def require_pillow() -> None:
    """Refuses to go on without Pillow (MissingExtra)."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "reading images needs Pillow; install it with: pip install 'crosslate[images]'"
        ) from None


def read_image(path: str | Path) -> Any:
    """An image in RGB, as Pillow has it, upright.

    Raises:
        InputError: the file is missing, damaged or no image.
        MissingExtra: Pillow is not installed.
    """
    require_pillow()
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}; expected an image")
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError:
        raise InputError(f"{path}: is no image that Pillow reads; convert it to PNG or JPEG") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read as an image: {error}; get or write it again") from None
