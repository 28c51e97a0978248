"""Apache Superset: a database, a dataset and charts made through its REST API; prints the rows that the charts show.

Runs in Superset's own environment, with its server as a process of its own; its metadata is an SQLite file in the
folder that is the argument.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import requests

folder = Path(sys.argv[1])
HOST, PORT = os.environ["DB_HOST"], os.environ["DB_PORT"]
USER, PASSWORD = os.environ["DB_USER"], urllib.parse.quote(os.environ["DB_PASSWORD"])
ADMIN = secrets.token_hex(8)

config = folder / "superset_config.py"
config.write_text(
    "import pymysql.constants.FIELD_TYPE\npymysql.install_as_MySQLdb()\n"
    f"SECRET_KEY = {secrets.token_hex(32)!r}\n"
    f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{folder}/superset.db'\n"
    "TALISMAN_ENABLED = False\nWTF_CSRF_ENABLED = False\nRATELIMIT_ENABLED = False\n"
    "DATA_CACHE_CONFIG = CACHE_CONFIG = {'CACHE_TYPE': 'NullCache'}\n"
    "FILTER_STATE_CACHE_CONFIG = EXPLORE_FORM_DATA_CACHE_CONFIG = CACHE_CONFIG\n"
)
environment = {**os.environ, "SUPERSET_CONFIG_PATH": str(config), "FLASK_APP": "superset.app:create_app()"}
superset = str(Path(sys.executable).with_name("superset"))


def command(*arguments: str) -> None:
    """Run one of Superset's own commands."""
    done = subprocess.run([superset, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"superset {arguments[0]}: {done.stderr[-2000:]}")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


empty = folder / "empty.db"  # made once: every run begins with it
if not empty.exists():
    command("db", "upgrade")
    command("init")
    shutil.copy(folder / "superset.db", empty)
shutil.copy(empty, folder / "superset.db")
account = ["--username", ADMIN, "--firstname", "A", "--lastname", "B", "--email", f"{ADMIN}@x.y", "--password", ADMIN]
command("fab", "create-admin", *account)
port = free_port()
server = subprocess.Popen([superset, "run", "-p", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=2)
try:
    base, session = f"http://127.0.0.1:{port}", requests.Session()
    deadline = time.monotonic() + 120
    while True:
        try:
            if session.get(f"{base}/health", timeout=5).ok:
                break
        except requests.ConnectionError:
            pass
        if time.monotonic() > deadline or server.poll() is not None:
            sys.exit("Superset's server does not answer")
        time.sleep(0.5)

    def call(path: str, **body: object) -> dict:
        """Ask the API; an answer that is no success ends the program."""
        answer = session.post(f"{base}/api/v1/{path}", json=body, timeout=120)
        if not answer.ok:
            sys.exit(f"{path}: {answer.status_code} {answer.text[:2000]}")
        return answer.json()

    token = call("security/login", username=ADMIN, password=ADMIN, provider="db")["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    uri = f"mysql+pymysql://{USER}:{PASSWORD}@{HOST}:{PORT}/facts?charset=utf8mb4"
    call("database/test_connection/", database_name=f"d{port}", sqlalchemy_uri=uri)
    database = call("database/", database_name=f"d{port}", sqlalchemy_uri=uri, expose_in_sqllab=True)["id"]
    tables = session.get(f"{base}/api/v1/database/{database}/tables/?q=(schema_name:facts)", timeout=60).json()
    print("tables", sorted(table["value"] for table in tables["result"]))
    dataset = call("dataset/", database=database, schema="facts", table_name="sales")["id"]
    about = session.get(f"{base}/api/v1/dataset/{dataset}", timeout=60).json()["result"]
    print("columns", sorted((c["column_name"], c["type"], c["is_dttm"]) for c in about["columns"]))

    def metric(aggregate: str, column: str) -> dict:
        """An aggregate of a column."""
        return {
            "expressionType": "SIMPLE",
            "aggregate": aggregate,
            "column": {"column_name": column},
            "label": f"{aggregate} {column}",
        }

    grains = ("P1D", "P1W", "P1M", "P3M", "P1Y")
    queries = [
        {"columns": ["g"], "metrics": [metric("SUM", "v"), metric("COUNT_DISTINCT", "s"), metric("AVG", "n")]},
        {
            "columns": ["g"],
            "metrics": [metric("MAX", "v")],
            "filters": [{"col": "s", "op": "LIKE", "val": "n1%"}, {"col": "n", "op": "IS NOT NULL"}],
            "extras": {"having": "MAX(v) > 10", "where": "g in (1, 2, 3)"},
        },
        *(
            {
                "columns": [
                    {
                        "timeGrain": grain,
                        "columnType": "BASE_AXIS",
                        "sqlExpression": "d",
                        "label": "d",
                        "expressionType": "SQL",
                    }
                ],
                "metrics": [metric("SUM", "v")],
                "filters": [{"col": "d", "op": "TEMPORAL_RANGE", "val": "2024-01-01 : 2024-09-01"}],
                "extras": {"time_grain_sqla": grain},
            }
            for grain in grains
        ),
    ]
    for number, query in enumerate(queries):
        query |= {
            "row_limit": 1000,
            "order_desc": False,
            "orderby": [[metric("SUM", "v"), True]] if number == 0 else [],
        }
        context = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json"}
        chart = call(
            "chart/",
            slice_name=f"chart {number}",
            viz_type="table",
            datasource_id=dataset,
            datasource_type="table",
            query_context=json.dumps({**context, "result_type": "full", "force": True}),
        )["id"]
        shown = session.get(f"{base}/api/v1/chart/{chart}/data/?force=true", timeout=120)
        if not shown.ok:
            sys.exit(f"chart {number}: {shown.status_code} {shown.text[:2000]}")
        result = shown.json()["result"][0]
        print("chart", " ".join(result["query"].split()))
        for row in sorted(json.dumps(row, sort_keys=True) for row in result["data"]):
            print(row)
finally:
    server.terminate()
    server.wait(20)
