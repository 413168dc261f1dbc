"""One command from nothing: set up the environment, run the demo, run the tests. Standard library only.

python3 run.py demo [--no-serve] [--out DIR] [--port N]     run the main job on the sample town and serve the result
python3 run.py test [pytest arguments]                      set up what the tests need and run all of them
python3 run.py setup                                        prepare .venv and the web assets, nothing else
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
PIP_INSTALL = [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
STAMP = VENV / "yiwang-setup.json"
DEMO_LOCK, TEST_LOCK, ASSETS_LOCK = "requirements.lock", "requirements-test.lock", "requirements-assets.lock"


def say(chinese: str, english: str) -> None:
    """Tell the user what happens, in both languages."""
    text = f"[yiwang] {chinese} / {english}"
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        print(f"[yiwang] {english}", flush=True)


def stop(chinese: str, english: str) -> None:
    """End with a message that says what to do."""
    say(chinese, english)
    sys.exit(2)


def run(command: list[object], **options: object) -> None:
    """Run a command; end when it fails."""
    words = [str(word) for word in command]
    result = subprocess.run(words, check=False, cwd=ROOT, **options)  # type: ignore[call-overload]
    if result.returncode:
        stop(
            f"命令失败：{' '.join(words)}", f"This command failed with exit code {result.returncode}: {' '.join(words)}"
        )


def digest(*names: str) -> str:
    """Return a hash over files, so that a changed lock is noticed."""
    content = b"".join((ROOT / name).read_bytes() for name in names)
    return hashlib.sha256(content).hexdigest()


def is_root() -> bool:
    """Return whether packages of the system can be installed."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    """Install Debian packages without asking."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], env=environment, stdout=subprocess.DEVNULL)
    run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def create_environment() -> None:
    """Make .venv; Debian keeps a part of venv in a package of its own."""
    has_pip = [PYTHON, "-m", "pip", "--version"]
    if PYTHON.exists() and subprocess.run(has_pip, check=False, capture_output=True).returncode == 0:
        return
    try:
        import ensurepip  # noqa: F401, PLC0415
        import venv  # noqa: F401, PLC0415
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        if not is_root():
            stop(
                f"缺少 venv。请先运行：sudo apt-get install python{version}-venv",
                f"Python's venv is incomplete. Run first: sudo apt-get install python{version}-venv",
            )
        apt_install(f"python{version}-venv")
    say("创建环境 .venv", "creating .venv")
    run([sys.executable, "-m", "venv", "--clear", VENV])


def install_packages(lock: str) -> None:
    """Install exactly what a lock names, every file checked against its hash."""
    say(f"安装依赖 ({lock})，首次约一分钟", f"installing packages from {lock}; about a minute the first time")
    run([*PIP_INSTALL, "--require-hashes", "-r", lock])


def npm_command() -> list[object]:
    """Return npm of the machine, or the one that pip brings."""
    found = shutil.which("npm")
    if found:
        return [found]
    install_packages(ASSETS_LOCK)
    return [BIN / ("npm.exe" if os.name == "nt" else "npm")]


def install_assets() -> None:
    """Fetch the JavaScript of the pages and copy it where they load it from."""
    say("获取网页资源", "fetching the web assets")
    run([*npm_command(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
    run([PYTHON, "-c", "from maps.assets import install_assets; install_assets()"])


def set_up(*, tests: bool) -> None:
    """Prepare .venv and the assets; what is up to date is left alone."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the user may start this with an older Python
        stop("需要 Python 3.11 或更高版本", "Python 3.11 or newer is needed; this is " + sys.version.split()[0])
    done = json.loads(STAMP.read_text("utf-8")) if STAMP.exists() else {}
    lock = TEST_LOCK if tests else DEMO_LOCK
    wanted = {
        "python": sys.version,
        lock: digest(lock, "pyproject.toml"),
        "assets": digest("package-lock.json", "maps/assets.py"),
    }
    if done.get("python") != wanted["python"]:
        done = {}
    started = time.monotonic()
    if done.get(lock) != wanted[lock]:
        create_environment()
        install_packages(lock)
        run([*PIP_INSTALL, "--no-build-isolation", "-e", "."])
        # the test lock holds all of the demo lock
        done |= {"python": wanted["python"], lock: wanted[lock]}
        if tests:
            done[DEMO_LOCK] = digest(DEMO_LOCK, "pyproject.toml")
    if done.get("assets") != wanted["assets"] or not (ROOT / "maps" / "assets").is_dir():
        install_assets()
        done["assets"] = wanted["assets"]
    STAMP.write_text(json.dumps(done), "utf-8")
    if time.monotonic() - started > 1:
        say(f"环境就绪，用时 {time.monotonic() - started:.0f} 秒", f"ready after {time.monotonic() - started:.0f} s")


def find_postgis() -> bool:
    """Return whether a PostgreSQL server with PostGIS is installed."""
    roots = [Path("/usr/lib/postgresql"), Path("/usr/share/postgresql")]
    return any(roots[0].glob("*/bin/initdb")) and any(roots[1].glob("*/extension/postgis.control"))


def find_chromium() -> bool:
    """Return whether a Chromium for the browser tests is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return bool(os.environ.get("YIWANG_CHROMIUM")) or any(shutil.which(name) for name in names)


def set_up_test_services() -> None:
    """Install PostGIS and Chromium by apt when root; else say how, and how to do without."""
    missing = []
    if os.environ.get("YIWANG_TEST_POSTGIS") != "off" and not find_postgis():
        missing += ["postgresql", "postgresql-postgis"]
    if os.environ.get("YIWANG_TEST_BROWSER") != "off" and not find_chromium():
        missing += ["chromium", "fonts-noto-cjk"]
    if not missing:
        return
    if is_root():
        say(f"安装测试所需：{' '.join(missing)}", f"installing for the tests: {' '.join(missing)}")
        apt_install(*missing)
        return
    stop(
        f"测试需要：sudo apt-get install {' '.join(missing)}；"
        "或设 YIWANG_TEST_POSTGIS=off、YIWANG_TEST_BROWSER=off 跳过",
        f"The tests need: sudo apt-get install {' '.join(missing)}; or set YIWANG_TEST_POSTGIS=off and "
        "YIWANG_TEST_BROWSER=off to leave those tests out",
    )


def main() -> None:
    """Do what the first argument says."""
    arguments = sys.argv[1:]
    command = arguments[0] if arguments else ""
    if command == "setup":
        set_up(tests=True)
    elif command == "demo":
        set_up(tests=False)
        sys.exit(subprocess.call([PYTHON, "-m", "api.cli", "demo", *arguments[1:]], cwd=Path.cwd()))
    elif command == "test":
        set_up(tests=True)
        set_up_test_services()
        sys.exit(
            subprocess.call(
                [PYTHON, "-m", "pytest", *(arguments[1:] or ["-n", "auto", "--dist", "loadfile"])], cwd=ROOT
            )
        )
    else:
        print(__doc__)
        sys.exit(0 if command in ("-h", "--help") else 2)


if __name__ == "__main__":
    main()
