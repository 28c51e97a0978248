// mysql for Node.js, the older driver: text protocol only, and the old ways to log in.
"use strict";
const mysql = require("mysql");
const { show, title, QUERIES, FORCE, UNFORCE, failing, fields, config } = require("./common.js");
const SCHEMA = process.env.DB_SCHEMA;

function wrap(connection) {
  const ask = (...rest) => new Promise((resolve, reject) => connection.query(...rest, (error, rows, columns) => (error ? reject(error) : resolve([rows, columns]))));
  const call = (name, ...rest) => new Promise((resolve, reject) => connection[name](...rest, (error) => (error ? reject(error) : resolve())));
  return { ask, call };
}

(async () => {
  title("logins");
  const { call, ask } = wrap(mysql.createConnection({ ...config(), multipleStatements: true, dateStrings: true, supportBigNumbers: true }));
  try {
    await call("connect");
  } catch (error) {
    show("cannot log in", error.code); // it knows no caching_sha2_password
    return;
  }
  await failing("wrong password", () => wrap(mysql.createConnection({ ...config(), password: "not it" })).call("connect"));
  const tls = wrap(mysql.createConnection({ ...config(), ssl: { rejectUnauthorized: false } }));
  await tls.call("connect");
  show((await tls.ask("SELECT CURRENT_USER()"))[0]);
  await tls.call("end");
  title("analytic");
  for (const setting of [UNFORCE, FORCE]) {
    await ask(setting);
    for (const text of QUERIES) {
      const [rows, columns] = await ask(text);
      show(text, fields(columns), rows);
    }
    show((await ask("SELECT COUNT(*) FROM facts.sales WHERE s LIKE ? AND v > ?", ["n1%", 7.5]))[0]);
    await ask(UNFORCE);
  }
  title("writes");
  await ask(`DROP DATABASE IF EXISTS ${SCHEMA}; CREATE DATABASE ${SCHEMA}; USE ${SCHEMA}`);
  await ask("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(20) UNIQUE, b BLOB)");
  show((await ask("INSERT INTO w SET ?", { s: "ü'", b: Buffer.from([0, 1, 255]) }))[0]);
  await failing("duplicate", () => ask("INSERT INTO w SET ?", { s: "ü'" }));
  show((await ask("SELECT * FROM w; SELECT ROW_COUNT()"))[0]);
  await call("beginTransaction");
  await ask("DELETE FROM w");
  await call("rollback");
  show((await ask("SELECT COUNT(*) FROM w"))[0]);
  await call("changeUser", { database: "facts" });
  show((await ask("SELECT DATABASE()"))[0]);
  await call("ping");
  show((await ask("SELECT 1 AS a; SELECT COUNT(*) FROM facts.sales; SELECT * FROM facts.kinds"))[0]);
  const pool = mysql.createPool({ ...config(), connectionLimit: 2 });
  const { ask: askPool } = wrap(pool);
  show(await Promise.all(Array.from({ length: 6 }, async (_, i) => (await askPool("SELECT ? AS i", [i]))[0])));
  await wrap(pool).call("end");
  await call("end");
})().catch((error) => { console.error(error); process.exit(1); });
