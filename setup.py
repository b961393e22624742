"""Everything that settings.ini says, handed to setuptools."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

config = ConfigParser(delimiters=["="])
config.read("settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]


def lines(key: str) -> list[str]:
    return [line.strip() for line in cfg[key].splitlines() if line.strip()]


setup(
    version=cfg["version"],
    description=cfg["description"],
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"] or None,
    keywords=cfg["keywords"].split(),
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Education",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Programming Language :: Python :: 3 :: Only",
        "Typing :: Typed",
    ],
    packages=[cfg["lib_path"]],
    package_data={cfg["lib_path"]: ["py.typed", "data/*"]},
    install_requires=lines("requirements"),
    extras_require={
        "dev": lines("book_requirements") + lines("test_requirements"),
        "mutate": lines("mutate_requirements"),
        "torch": lines("torch_requirements"),
        "jax": lines("jax_requirements"),
        "safetensors": lines("safetensors_requirements"),
        "onnx": lines("onnx_requirements"),
        "numba": lines("numba_requirements"),
        "sklearn": lines("sklearn_requirements"),
        "mpi": lines("mpi_requirements"),
        "benchmarks": lines("benchmarks_requirements"),
    },
    entry_points={"nbdev": [f"{cfg['lib_name']} = {cfg['lib_path']}._modidx:d"]},
    zip_safe=False,
)
