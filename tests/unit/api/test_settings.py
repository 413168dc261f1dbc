"""Settings come from the environment, and only loopback is allowed."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from api.errors import ServerStartError, describe
from api.settings import PREFIX, Settings, is_loopback, settings_table


def test_environment_is_read_when_asked_not_at_import(monkeypatch):
    monkeypatch.setenv("YIWANG_PORT", "8123")
    monkeypatch.setenv("YIWANG_DATABASE_URL", "postgresql://u:secret@h/d")
    settings = Settings()
    assert settings.port == 8123
    assert "secret" not in repr(settings)
    assert Settings(port=1).port == 1


def test_import_is_light_and_silent():
    code = "import sys, api.settings; print([m for m in ('geopandas', 'fastapi', 'sqlalchemy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_other_hosts_are_refused_in_both_languages(host):
    with pytest.raises(ServerStartError) as caught:
        Settings(host=host)
    assert "127.0.0.1" in describe(caught.value, "en")
    assert "账号" in describe(caught.value, "zh")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.5.5", "::1", "[::1]", "localhost", "LocalHost"])
def test_loopback_hosts_are_taken(host):
    assert is_loopback(host)
    assert Settings(host=host).host == host


@pytest.mark.parametrize("name", ["port", "workers", "max_upload_mb", "job_time_limit_s"])
def test_ranges_are_checked(name):
    with pytest.raises(ValidationError):
        Settings(**{name: -1})


def test_unknown_setting_is_refused():
    with pytest.raises(ValidationError):
        Settings(prot=1)


def test_table_tells_every_setting():
    table = settings_table()
    assert {row["variable"] for row in table} == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert all(row["description"].endswith(".") and row["default"] for row in table)
    assert {row["variable"]: row["unit"] for row in table}["YIWANG_JOB_TIME_LIMIT_S"] == "s"
