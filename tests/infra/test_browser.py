import os

import pytest

from adapter.errors import Misconfigured
from adapter.infra import browser


def program(path, text="#!/bin/sh\nexit 0\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine without a browser, fonts or tools; `bin` is its search path."""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloads"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(browser, "SYSTEM", ("chromium-headless-shell", "chromium"))
    return tmp_path


def test_the_setting_wins_and_must_be_an_executable_file(bare):
    mine = program(bare / "mine")
    program(bare / "bin" / "chromium")
    assert browser.find_chromium(str(mine)) == mine
    with pytest.raises(Misconfigured, match=r"ADAPTER_CHROMIUM: '/nowhere/chromium' is not an executable file"):
        browser.find_chromium("/nowhere/chromium")


def test_a_complete_download_comes_before_the_system(bare):
    assert browser.find_chromium() is None
    program(bare / "bin" / "chromium")
    assert browser.find_chromium() == bare / "bin" / "chromium"
    program(bare / "bin" / "chromium-headless-shell")
    assert browser.find_chromium() == bare / "bin" / "chromium-headless-shell"
    for revision in (999, 1200, 1300):
        program(bare / "downloads" / f"chromium_headless_shell-{revision}" / "chrome-linux" / "headless_shell")
        if revision != 1300:
            (bare / "downloads" / f"chromium_headless_shell-{revision}" / "INSTALLATION_COMPLETE").touch()
    assert browser.find_chromium() == bare / "downloads" / "chromium_headless_shell-1200" / "chrome-linux" / "headless_shell"


def test_without_fontconfig_every_script_is_missing(bare):
    assert browser.fonts_missing() == ["Latin", "CJK", "Arabic", "emoji"]


def test_scripts_without_a_font_are_named(bare):
    program(bare / "bin" / "fc-list", '#!/bin/sh\ncase "$1" in *lang=ko|*zsye) ;; *) echo Some Font;; esac\n')
    assert browser.fonts_missing() == ["CJK", "emoji"]


def test_installing_what_cannot_be_installed_says_what_to_run(bare, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(browser.sys, "executable", "/nowhere/python")
    with pytest.raises(Misconfigured, match="apt-get install -y chromium-headless-shell fonts-noto-cjk fonts-noto-color-emoji") as refused:
        browser.install(said.append)
    assert "ADAPTER_CHROMIUM" in str(refused.value)
    assert said[0].startswith("No Chromium found")
    assert said[1].startswith("The download did not work")


@pytest.mark.skipif(os.geteuid() != 0, reason="apt-get is only tried as root")
def test_packages_come_from_apt_and_the_list_is_updated_once(bare, monkeypatch):
    log = bare / "log"
    (bare / "downloads").mkdir()
    monkeypatch.setattr(browser, "_download", lambda say: False)
    program(
        bare / "bin" / "apt-get",
        f"""#!/bin/sh
echo "$@" >> {log}
case "$*" in
  update) exit 0;;
  *chromium-headless-shell*) echo "E: Unable to locate package" ; exit 100;;
esac
for tool in chromium pdftotext; do printf '#!/bin/sh\\n' > {bare}/bin/$tool; /bin/chmod +x {bare}/bin/$tool; done
printf '#!/bin/sh\\necho Some Font\\n' > {bare}/bin/fc-list; /bin/chmod +x {bare}/bin/fc-list
""",
    )
    done = browser.install()
    packages = "fonts-dejavu-core fonts-liberation fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core poppler-utils"
    assert log.read_text().splitlines() == [
        f"install -y --no-install-recommends chromium-headless-shell {packages}",
        "update",
        f"install -y --no-install-recommends chromium-headless-shell {packages}",
        f"install -y --no-install-recommends chromium {packages}",
    ]
    assert done[-1] == f"Chromium: {bare}/bin/chromium; fonts for Latin, CJK, Arabic, emoji"
    log.unlink()
    assert len(browser.install()) == 1
    assert not log.exists()
