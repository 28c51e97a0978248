# Ruby: mysql2, over MariaDB's C library.
require "mysql2"
require "tempfile"
QUERIES = File.readlines("#{__dir__}/queries.txt", chomp: true, encoding: "UTF-8")
FORCE, UNFORCE, SCHEMA = ENV.values_at("FORCE", "UNFORCE", "DB_SCHEMA")

def show(*values) = puts(values.map { |value| value.is_a?(String) ? value : value.inspect }.join(" "))
def steady(text) = text.gsub(/'(127\.0\.0\.1|localhost)'/, "<id>")

def failing(what)
  yield
  show("NO ERROR", what)
rescue Mysql2::Error => error
  show("expected error", what, error.error_number, error.sql_state, steady(error.message))
end

def connect(**options)
  base = { host: ENV["DB_HOST"], port: ENV["DB_PORT"].to_i, username: ENV["DB_USER"], password: ENV["DB_PASSWORD"] }
  Mysql2::Client.new(**base, database: "facts", encoding: "utf8mb4", local_infile: true, **options)
end

def rows(result)
  return show("none") unless result
  show("columns", result.fields, result.respond_to?(:field_types) ? result.field_types : nil)
  result.each(as: :array) { |row| show(row) }
  show("rows", result.count)
end

[[ENV["DB_USER"], ENV["DB_PASSWORD"]], *ENV["DB_ACCOUNTS"].split(" ").map { |account| account.split(":", 2) }].each do |user, password|
  [{ sslverify: false, sslcipher: "DEFAULT" }, {}].each do |tls|
    client = connect(username: user, password: password, **tls)
    rows(client.query("SELECT CURRENT_USER(), DATABASE()"))
    show(client.server_info[:version], client.encoding)
    client.close
    failing("wrong password") { connect(username: user, password: "not it", **tls) }
  end
end

client = connect(flags: Mysql2::Client::MULTI_STATEMENTS)
[UNFORCE, FORCE].each do |setting|
  client.query(setting)
  QUERIES.each do |query|
    show(query)
    rows(client.query(query))
    next if query.include?(" tm,")  # the driver fails at times of more than a day
    statement = client.prepare(query)
    rows(statement.execute)
    statement.close
  end
  statement = client.prepare("SELECT g, COUNT(*), SUM(v) FROM sales WHERE s LIKE ? AND v > ? AND d < ? GROUP BY g ORDER BY g")
  [["n1%", 5.25, Date.new(2024, 5, 1)], ["%2", 100, Date.new(2024, 3, 1)], ["zz", nil, Date.new(2024, 1, 1)]].each { |values| rows(statement.execute(*values)) }
  statement.close
  show(client.query("SELECT id FROM sales", stream: true, cache_rows: false).sum { |row| row["id"] })
  client.query(UNFORCE)
end
client.query("DROP DATABASE IF EXISTS #{SCHEMA}; CREATE DATABASE #{SCHEMA}; USE #{SCHEMA}")
client.store_result while client.next_result
client.query("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, i BIGINT, d DECIMAL(20,5), f DOUBLE, s VARCHAR(40) CHARACTER SET utf8mb4, dt DATETIME)")
statement = client.prepare("INSERT INTO w (i, d, f, s, dt) VALUES (?, ?, ?, ?, ?)")
[[2**62, BigDecimal("12345.6789"), 1.5e300, "é😀'\\", Time.utc(2024, 2, 29, 1, 2, 3)], [nil] * 5].each { |values| statement.execute(*values); show(statement.last_id, statement.affected_rows) }
rows(client.query("SELECT * FROM w ORDER BY id"))
failing("duplicate") { client.query("INSERT INTO w (id) VALUES (1)") }
failing("syntax") { client.prepare("SELEC 1") }
client.query("BEGIN"); client.query("DELETE FROM w"); client.query("ROLLBACK")
rows(client.query("SELECT COUNT(*) FROM w"))
client.query("SET sql_mode = ''"); client.query("INSERT INTO w (i) VALUES ('x')")
show(client.warning_count, client.last_id, client.affected_rows)
rows(client.query("SHOW WARNINGS"))
rows(client.query("SELECT 1 AS a; SELECT COUNT(*) FROM facts.sales; SELECT 'x' WHERE 1 = 0"))
rows(client.store_result) while client.next_result
Tempfile.create("wf") do |file|
  file.write("1\ta\n2\tb\n"); file.flush
  client.query("CREATE TABLE loaded (id INT, s VARCHAR(9))")
  client.query("LOAD DATA LOCAL INFILE '#{file.path}' INTO TABLE loaded")
  show(client.affected_rows, client.query_info)
end
show(client.ping, client.escape("a'b"))
client.close
