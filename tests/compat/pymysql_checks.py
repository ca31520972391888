"""Checks that PyMySQL works with Millrace: `pymysql_checks.py PORT CHECK` runs one and exits with 0."""

import datetime
import decimal
import sys
import threading
import time

import pymysql
from pymysql.constants import CLIENT

port = int(sys.argv[1])


def connect(**options):
    return pymysql.connect(host="127.0.0.1", port=port, user="root", **options)


def database(name):
    connection = connect(autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} PARTITIONS 2")
    connection.select_db(name)
    return connection


def check_types():
    with database("py_types") as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (id INT PRIMARY KEY, big BIGINT, ubig BIGINT UNSIGNED, d DOUBLE, m DECIMAL(20,4), s VARCHAR(50),"
            " b VARBINARY(50), day DATE, at DATETIME(6), j JSON, yes BOOL)"
        )
        rows = [
            (1, -(2**63), 2**64 - 1, 1.5, decimal.Decimal("-1234567890.1234"), "żółw 🐢 'quoted' \\", b"\x00\xff'\\",
             datetime.date(2026, 1, 31), datetime.datetime(2026, 1, 31, 10, 0, 0, 123456), '{"a": [1, null]}', 1),
            (2, None, None, None, None, None, None, None, None, None, None),
        ]
        assert cursor.executemany(
            "INSERT INTO t VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)", rows
        ) == 2
        cursor.execute("SELECT * FROM t ORDER BY id")
        import json
        found = [list(row) for row in cursor.fetchall()]
        found[0][9] = json.loads(found[0][9])
        expected = [list(row) for row in rows]
        expected[0][9] = {"a": [1, None]}
        assert found == expected, found
        assert [column[0] for column in cursor.description] == "id big ubig d m s b day at j yes".split()


def check_errors():
    with database("py_errors") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY)")
        cursor.execute("INSERT INTO t VALUES (1)")
        for sql, kind, number in [
            ("SELEC 1", pymysql.err.ProgrammingError, 1064),
            ("SELECT * FROM nowhere", pymysql.err.ProgrammingError, 1146),
            ("SELECT nothing FROM t", pymysql.err.OperationalError, 1054),
            ("INSERT INTO t VALUES (1)", pymysql.err.IntegrityError, 1062),
        ]:
            try:
                cursor.execute(sql)
            except kind as error:
                assert error.args[0] == number, error
            else:
                raise AssertionError(f"no error: {sql}")
        cursor.execute("SELECT COUNT(*) FROM t")
        assert cursor.fetchone() == (1,)
    try:
        connect(password="wrong")
    except pymysql.err.OperationalError as error:
        assert error.args[0] == 1045, error
    else:
        raise AssertionError("a wrong password was accepted")


def check_statements():
    connection = database("py_statements")
    connection.close()
    with connect(database="py_statements", client_flag=CLIENT.MULTI_STATEMENTS, autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); SELECT a FROM t ORDER BY a")
            assert cursor.nextset() and cursor.nextset()
            assert cursor.fetchall() == ((1,), (2,))
            assert cursor.execute("UPDATE t SET a = a + %s WHERE a > %s", (10, 1)) == 1
            cursor.execute("SELECT SUM(a) FROM t")
            assert int(cursor.fetchone()[0]) == 13
        connection.ping()


def check_large_result():
    with database("py_large") as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (n INT, s VARCHAR(100))")
            for begin in range(0, 50_000, 10_000):
                cursor.executemany(
                    "INSERT INTO t VALUES (%s, %s)", [(n, "x" * 80) for n in range(begin, begin + 10_000)]
                )
        # Unbuffered: rows are taken from the socket one by one while the server waits.
        with connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute("SELECT n FROM t")
            seen = set()
            while (row := cursor.fetchone()) is not None:
                seen.add(row[0])
            assert seen == set(range(50_000)), len(seen)


def check_kill():
    with database("py_kill") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n BIGINT)")
        cursor.executemany("INSERT INTO t VALUES (%s)", [(n,) for n in range(5_000)])
        other = connect()

        def kill_soon():
            with other.cursor() as killer:
                while not killer.execute(
                    "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT%'"
                ):
                    time.sleep(0.05)
            with other.cursor() as killer:
                killer.execute(f"KILL QUERY {connection.thread_id()}")

        thread = threading.Thread(target=kill_soon)
        thread.start()
        try:
            cursor.execute("SELECT COUNT(*) FROM t a, t b, t c WHERE a.n * b.n % 7 + c.n = 5")
        except pymysql.err.OperationalError as error:
            assert error.args[0] == 1317, error
        else:
            raise AssertionError("not killed")
        thread.join()
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
        # COM_PROCESS_KILL.
        connection.kill(other.thread_id())
        try:
            other.ping(reconnect=False)
        except pymysql.err.Error:
            pass
        else:
            raise AssertionError("still connected")


def check_dict_cursor():
    with connect() as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("SELECT 1 AS one, NULL AS nothing, 'x' AS text")
        assert cursor.fetchone() == {"one": 1, "nothing": None, "text": "x"}
        cursor.execute("SHOW DATABASES")
        assert any(row["Database"] == "information_schema" for row in cursor.fetchall())


globals()[f"check_{sys.argv[2]}"]()
