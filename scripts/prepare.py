#!/usr/bin/env python3
"""Make .venv from the lock file, with nothing but Python's standard library at hand.

    prepare.py [--dev] [--without-kernels]

--dev also installs what scripts/test needs. --without-kernels leaves compiling to the next call, or to the first start.

Runs again in a blink when nothing has changed. What the system lacks is installed as root; as a user it is
got round without root where that is possible, and named with the command to paste where not.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("base", "wire", "statements", "automl", "lakehouse", "autopilot", "engine", "proxy", "warmfront")
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LAUNCHER = """#!{python}
import sys
from warmfront.__main__ import main
sys.exit(main())
"""


def say(text: str) -> None:
    """Tell the user what is going on."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def is_root() -> bool:
    """Tell whether system packages may be installed."""
    return os.geteuid() == 0


def can_import(*modules: str) -> bool:
    """Ask a new interpreter, so that what was installed a moment ago counts."""
    code = "import " + ", ".join(modules)
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def apt_install(*packages: str) -> None:
    """Install system packages as root, with the index read again when it is too old to find them."""
    say(f"installing {' '.join(packages)} with apt-get")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    if subprocess.run(install, env=env, capture_output=True).returncode == 0:
        return
    subprocess.run(["apt-get", "update", "-qq"], env=env, check=True)
    subprocess.run(install, env=env, check=True, stdout=subprocess.DEVNULL)


def make_venv() -> Path:
    """Make .venv, or keep the one that works, and give the pip to fill it with: its own, or a wheel that can be run."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return VENV / "bin" / "pip"
    whole = ("venv", "ensurepip.__main__")
    if not can_import(*whole) and is_root() and shutil.which("apt-get"):
        apt_install(venv_package())
    if can_import(*whole):
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        return VENV / "bin" / "pip"
    if not can_import("venv"):
        give_up()
    wheel = pip_wheel()
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV], check=True)
    return wheel


def venv_package() -> str:
    """The system package that has ensurepip for this Python."""
    return f"python3.{sys.version_info.minor}-venv" if sys.executable.startswith("/usr/bin/") else "python3-venv"


def pip_wheel() -> Path:
    """Unpack pip from the system's own archive, which needs no root; apt verifies it."""
    kept = ROOT / ".venv-pip"
    found = sorted(kept.glob("usr/share/python-wheels/pip-*.whl"))
    if found:
        return found[-1]
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        give_up()
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(
            ["apt-get", "download", "-qq", "python3-pip-whl"], cwd=folder, capture_output=True
        ).returncode:
            give_up()
        for deb in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", deb, kept], check=True)
    return sorted(kept.glob("usr/share/python-wheels/pip-*.whl"))[-1]


def give_up() -> None:
    """Name what is missing, and how to get it."""
    say("Python's venv module is missing. As root, run this, then try again:")
    print(f"    apt-get update && apt-get install -y {venv_package()}", file=sys.stderr)
    sys.exit(1)


def install(pip: Path, lock: Path) -> None:
    """Install exactly what the lock names, every file checked against its hash."""
    say(f"installing the packages of {lock.name}")
    command = [PYTHON, pip / "pip"] if pip.suffix == ".whl" else [PYTHON, "-m", "pip"]
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    options += ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    if subprocess.run([*command, "install", *options, "-r", lock]).returncode != 0:
        say("the packages could not be installed; see the message above")
        sys.exit(1)


def install_ourselves() -> None:
    """Make the folders of this clone importable in .venv, and put the command line beside its python."""
    ask = [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    (Path(site) / "warmfront-clone.pth").write_text(f"{ROOT}\n")
    launcher = VENV / "bin" / "warmfront"
    launcher.write_text(LAUNCHER.format(python=PYTHON))
    launcher.chmod(0o755)


def compile_everything() -> None:
    """Compile Python files and kernels now, so that the first start is as quick as the others.

    Where this folder cannot be written it is left to the first start, which keeps kernels in the user's cache.
    """
    stamp = VENV / "stamp-compiled"
    current = code_fingerprint()
    if stamp.exists() and stamp.read_text() == current:
        return
    say("compiling, which takes one to two minutes the first time")
    packages = [str(ROOT / name) for name in PACKAGES]
    # pip leaves this out where PYTHONDONTWRITEBYTECODE is set.
    subprocess.run([PYTHON, "-m", "compileall", "-q", "-j", "0", VENV / "lib", *packages], stdout=subprocess.DEVNULL)
    if subprocess.run([PYTHON, "-m", "engine.warm"], cwd=ROOT).returncode == 0:
        stamp.write_text(current)


def code_fingerprint() -> str:
    """What compiled code depends on: our files, as far as their time and size tell."""
    files = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
    facts = [f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in files]
    return hashlib.sha256("\n".join([str(PYTHON), *facts]).encode()).hexdigest()


def is_current(stamp: Path, lock: Path) -> bool:
    """Tell whether .venv was filled from this very lock, by this very script, in this very place."""
    return stamp.exists() and stamp.read_text() == fingerprint(lock)


def fingerprint(lock: Path) -> str:
    """What .venv depends on."""
    parts = (lock.read_bytes(), str(ROOT).encode(), Path(__file__).read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def main() -> None:
    """Bring .venv up to date."""
    dev = "--dev" in sys.argv[1:]
    locks = {True: ROOT / "requirements-dev.lock", False: ROOT / "requirements.lock"}
    with (ROOT / ".venv.lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        stamps = {kind: VENV / f"stamp-{path.stem}" for kind, path in locks.items()}
        good = {kind for kind, path in locks.items() if is_current(stamps[kind], path)}
        if not PYTHON.exists() or not (dev in good or True in good):
            say(f"making {VENV}")
            pip = make_venv()
            install(pip, locks[dev])
            install_ourselves()
            stamps[dev].write_text(fingerprint(locks[dev]))
        if os.access(VENV, os.W_OK) and "--without-kernels" not in sys.argv[1:]:
            compile_everything()


if __name__ == "__main__":
    main()
