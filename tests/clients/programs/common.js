// What the programs for Node.js share.
"use strict";
const fs = require("fs");
const path = require("path");

const steady = (text) => String(text).replace(/'(127\.0\.0\.1|localhost)(:\d+)?'|:\d{5}\b/g, "<id>");
const plain = (_, value) => (typeof value === "bigint" ? `${value}n` : value);
const show = (...values) => console.log(...values.map((value) => (typeof value === "string" ? value : JSON.stringify(value, plain))));

// Columns as the drivers keep them; Text of a row object leaves the parser's own state out.
const fields = (columns) => (columns || []).map((c) => (c && c.name !== undefined
  ? [c.catalog, c.schema ?? c.db, c.name, c.orgName, c.table, c.orgTable, c.columnLength ?? c.length, c.columnType ?? c.type, c.flags, c.decimals, c.characterSet ?? c.charsetNr]
  : c && c.length ? fields(c) : c));

module.exports = {
  show,
  fields,
  title: (text) => show(`== ${text}`),
  QUERIES: fs.readFileSync(path.join(__dirname, "queries.txt"), "utf8").trim().split("\n"),
  FORCE: process.env.FORCE,
  UNFORCE: process.env.UNFORCE,
  config: () => ({ host: process.env.DB_HOST, port: Number(process.env.DB_PORT), user: process.env.DB_USER, password: process.env.DB_PASSWORD }),
  failing: async (what, act) => {
    try {
      await act();
      show("NO ERROR", what);
    } catch (error) {
      show("expected error", what, error.code, error.errno, error.sqlState, steady(error.message));
    }
  },
};
