// mysql2 for Node.js: callbacks and promises, text and prepared, streams, pools.
"use strict";
const fs = require("fs");
const os = require("os");
const path = require("path");
const mysql = require("mysql2/promise");
const callbacks = require("mysql2");
const { show, title, QUERIES, FORCE, UNFORCE, failing, fields, config } = require("./common.js");
const SCHEMA = process.env.DB_SCHEMA;

const connect = (options) => mysql.createConnection({ ...config(), supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, ...options });

async function query(connection, how, ...rest) {
  const [rows, columns] = await connection[how](...rest);
  show("columns", fields(columns));
  show("rows", rows);
}

async function logins() {
  const accounts = [[process.env.DB_USER, process.env.DB_PASSWORD], ...process.env.DB_ACCOUNTS.split(" ").map((a) => a.split(":"))];
  for (const [user, password] of accounts) {
    for (const ssl of [{ rejectUnauthorized: false }, undefined]) {
      const connection = await connect({ user, password, ssl });
      await query(connection, "query", "SELECT CURRENT_USER(), DATABASE()");
      await connection.end();
      await failing("wrong password", async () => connect({ user, password: "not it", ssl }));
    }
  }
  await failing("no such schema", async () => connect({ database: "no_such_schema" }));
}

async function analytic(connection) {
  for (const setting of [UNFORCE, FORCE]) {
    await connection.query(setting);
    for (const text of QUERIES) {
      show(text);
      await query(connection, "query", text);
      await query(connection, "execute", text);
    }
    for (const values of [["n1%", 5.25], ["n%", 900], ["%2", null]]) {
      await query(connection, "execute", "SELECT g, COUNT(*), MAX(v) FROM facts.sales WHERE s LIKE ? AND v > ? GROUP BY g ORDER BY g", values);
    }
    for (const values of [[3, new Date(Date.UTC(2024, 4, 1))], [4, new Date(Date.UTC(2024, 1, 1))]]) {
      await query(connection, "execute", "SELECT COUNT(*), SUM(n) FROM facts.sales WHERE g = ? AND d < ?", values);
    }
    await query(connection, "query", { sql: QUERIES[1], rowsAsArray: true });
    await connection.query(UNFORCE);
  }
}

async function writes(connection) {
  await connection.query(`DROP DATABASE IF EXISTS ${SCHEMA}`);
  await connection.query(`CREATE DATABASE ${SCHEMA} CHARACTER SET utf8mb4`);
  await connection.changeUser({ database: SCHEMA });
  await connection.query("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, i BIGINT, d DECIMAL(20,5), f DOUBLE, s VARCHAR(40), b BLOB, dt DATETIME(6), j JSON)");
  const insert = "INSERT INTO w (i, d, f, s, b, dt, j) VALUES (?, ?, ?, ?, ?, ?, ?)";
  const rows = [
    ["9223372036854775807", "12345.67890", 1e300, "é😀'\\", Buffer.from([0, 255, 39]), "9999-12-31 01:02:03.000004", '{"a":1}'],
    [null, null, null, null, null, null, null],
    [-5, -0.5, -0, "", Buffer.alloc(0), new Date(Date.UTC(2024, 0, 1)), [1]],
  ];
  for (const row of rows) {
    for (const how of ["execute", "query"]) {
      const given = how === "query" ? row.map((value) => (Array.isArray(value) ? JSON.stringify(value) : value)) : row;
      const [result] = await connection[how](insert, given);
      show(result);
    }
  }
  await query(connection, "query", "SELECT * FROM w ORDER BY id");
  await query(connection, "execute", "SELECT * FROM w ORDER BY id");
  show((await connection.query("UPDATE w SET f = 1 WHERE id > ?", [2]))[0]);
  await connection.beginTransaction();
  await connection.query("DELETE FROM w");
  await query(connection, "query", "SELECT COUNT(*) FROM w");
  await connection.rollback();
  await query(connection, "query", "SELECT COUNT(*) FROM w");
  await failing("duplicate", async () => connection.execute("INSERT INTO w (id) VALUES (1)"));
  await failing("syntax", async () => connection.execute("SELEC 1"));
  await connection.query("CREATE PROCEDURE p (a INT) BEGIN SELECT a; SELECT id FROM facts.kinds ORDER BY id; END");
  show((await connection.query("CALL p(3)"))[0]);
  show((await connection.execute("CALL p(4)"))[0]);
  const file = path.join(os.tmpdir(), `${SCHEMA}.tsv`);
  fs.writeFileSync(file, Array.from({ length: 5000 }, (_, i) => `${i}\tn${i}\n`).join(""));
  await connection.query("CREATE TABLE loaded (id INT PRIMARY KEY, n VARCHAR(20))");
  show((await connection.query({ sql: `LOAD DATA LOCAL INFILE '${file}' INTO TABLE loaded`, infileStreamFactory: () => fs.createReadStream(file) }))[0].affectedRows);
  fs.unlinkSync(file);
  await query(connection, "query", "SELECT COUNT(*), SUM(id) FROM loaded");
  const big = "z".repeat((16 << 20) + 7);
  await connection.query("CREATE TABLE big (b LONGTEXT)");
  await connection.execute("INSERT INTO big VALUES (?)", [big]);
  show((await connection.execute("SELECT b FROM big"))[0][0].b === big);
}

async function ways() {
  const connection = await connect({ multipleStatements: true, database: "facts" });
  show((await connection.query("SELECT 1 AS a; SELECT COUNT(*) FROM sales; DO 0"))[0]);
  await failing("second", async () => connection.query("SELECT 1; SELECT * FROM nowhere"));
  await connection.ping();
  await connection.query(FORCE);
  let count = 0;
  const stream = connection.connection.query("SELECT id, v FROM sales").stream();
  for await (const row of stream) count += row.id >= 0 ? 1 : 0;
  show("streamed", count);
  const statement = await connection.prepare("SELECT COUNT(*) c FROM sales WHERE g = ?");
  for (const g of [1, 2, 3, null]) show((await statement.execute([g]))[0]);
  await statement.close();
  await connection.changeUser({ user: process.env.DB_USER, password: process.env.DB_PASSWORD, database: "facts" });
  await query(connection, "query", "SELECT DATABASE()");
  await connection.end();
  const pool = mysql.createPool({ ...config(), connectionLimit: 3, database: "facts" });
  const all = await Promise.all(Array.from({ length: 12 }, (_, i) => pool.query("SELECT ? AS i, COUNT(*) AS c FROM sales WHERE g < ?", [i, i])));
  show(all.map(([rows]) => rows));
  await pool.end();
  const compressed = await connect({ compress: true, database: "facts" });
  await compressed.query(FORCE);
  await query(compressed, "query", QUERIES[0]);
  await compressed.end();
  const slow = callbacks.createConnection(config());
  await new Promise((resolve) => slow.query({ sql: "SELECT SLEEP(3)", timeout: 200 }, (error) => { show(error.code); slow.destroy(); resolve(); }));
}

(async () => {
  title("logins"); await logins();
  const connection = await connect({ flags: ["+LOCAL_FILES"] });
  title("analytic"); await analytic(connection);
  title("writes"); await writes(connection);
  await connection.end();
  title("ways"); await ways();
})().catch((error) => { console.error(error); process.exit(1); });
