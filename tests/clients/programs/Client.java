// MariaDB Connector/J: text and server-side prepared statements, cursors, batches, DatabaseMetaData.
import java.nio.file.*;
import java.sql.*;
import java.util.*;

public class Client {
  static final String HOST = System.getenv("DB_HOST"), PORT = System.getenv("DB_PORT"), SCHEMA = System.getenv("DB_SCHEMA");
  static final String FORCE = System.getenv("FORCE"), UNFORCE = System.getenv("UNFORCE");
  static List<String> queries;

  static void show(Object... values) {
    StringBuilder line = new StringBuilder();
    for (Object value : values) line.append(value instanceof byte[] ? HexFormat.of().formatHex((byte[]) value) : String.valueOf(value)).append(' ');
    System.out.println(line);
  }

  static String steady(String text) {
    return text == null ? null : text.replaceAll("'(127\\.0\\.0\\.1|localhost)'|conn=\\d+|port=\\d+|:\\d{5}", "<id>");
  }

  interface Act { void run() throws Exception; }

  static void failing(String what, Act act) {
    try {
      act.run();
      show("NO ERROR", what);
    } catch (SQLException error) {
      show("expected error", what, error.getClass().getSimpleName(), error.getErrorCode(), error.getSQLState(), steady(error.getMessage()));
    } catch (Exception error) {
      show("expected error", what, error);
    }
  }

  static Connection connect(String user, String password, String options) throws SQLException {
    Properties properties = new Properties();
    properties.put("user", user);
    properties.put("password", password);
    return DriverManager.getConnection("jdbc:mariadb://" + HOST + ":" + PORT + "/facts?allowLocalInfile=true&maxAllowedPacket=67108864" + options, properties);
  }

  static Connection connect(String options) throws SQLException {
    return connect(System.getenv("DB_USER"), System.getenv("DB_PASSWORD"), options);
  }

  static void rows(ResultSet result) throws SQLException {
    ResultSetMetaData about = result.getMetaData();
    for (int i = 1; i <= about.getColumnCount(); i++) {
      show("column", about.getColumnLabel(i), about.getColumnName(i), about.getColumnTypeName(i), about.getColumnType(i), about.getColumnClassName(i),
          about.getPrecision(i), about.getScale(i), about.getColumnDisplaySize(i), about.isNullable(i), about.isSigned(i), about.isAutoIncrement(i),
          about.getTableName(i), about.getSchemaName(i), about.getCatalogName(i), about.isReadOnly(i));
    }
    while (result.next()) {
      Object[] row = new Object[about.getColumnCount()];
      for (int i = 0; i < row.length; i++) row[i] = value(result, i + 1);
      show(row);
    }
    result.close();
  }

  static Object value(ResultSet result, int at) throws SQLException {
    try {
      return result.getObject(at);
    } catch (SQLException error) {
      return "unreadable " + result.getString(at);
    }
  }

  static void analytic(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      for (String setting : new String[] {UNFORCE, FORCE}) {
        s.execute(setting);
        for (String query : queries) {
          show(query);
          rows(s.executeQuery(query));
          try (PreparedStatement p = c.prepareStatement(query)) {
            rows(p.executeQuery());
          }
        }
        try (PreparedStatement p = c.prepareStatement("SELECT g, COUNT(*) c, SUM(v), MAX(d) FROM sales WHERE s LIKE ? AND v > ? AND d < ? AND n <> ? GROUP BY g ORDER BY g")) {
          for (int i = 0; i < 3; i++) {
            p.setString(1, "n" + i + "%");
            p.setBigDecimal(2, new java.math.BigDecimal("5.25"));
            p.setDate(3, java.sql.Date.valueOf("2024-0" + (5 + i) + "-01"));
            p.setLong(4, 7);
            rows(p.executeQuery());
            rows(p.executeQuery());
          }
          p.setNull(2, Types.DECIMAL);
          rows(p.executeQuery());
          show(p.getParameterMetaData().getParameterCount(), p.getMetaData().getColumnCount());
        }
        try (PreparedStatement p = c.prepareStatement("SELECT id FROM kinds WHERE dt6 = ? OR db = ? OR f = ? OR bo = ? ORDER BY id")) {
          p.setTimestamp(1, Timestamp.valueOf("2024-02-29 23:59:59.123456"));
          p.setDouble(2, 0.1);
          p.setFloat(3, 1.5f);
          p.setBoolean(4, false);
          rows(p.executeQuery());
        }
        try (PreparedStatement p = c.prepareStatement("SELECT id, s FROM sales WHERE id < ? ORDER BY id")) {
          p.setFetchSize(10);
          p.setInt(1, 35);
          rows(p.executeQuery());
        }
        s.execute(UNFORCE);  // the driver sets sql_select_limit, which is left to the server
        try (PreparedStatement p = c.prepareStatement("SELECT id FROM sales WHERE id < ? ORDER BY id")) {
          p.setInt(1, 35);
          p.setMaxRows(3);
          rows(p.executeQuery());
        }
      }
    }
  }

  static void writes(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      s.execute("DROP DATABASE IF EXISTS " + SCHEMA);
      s.execute("CREATE DATABASE " + SCHEMA + " CHARACTER SET utf8mb4");
      c.setCatalog(SCHEMA);
      s.execute("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, i BIGINT, d DECIMAL(20,5), f DOUBLE, s VARCHAR(40), b LONGBLOB, dt DATETIME(6), KEY byi (i))");
      try (PreparedStatement p = c.prepareStatement("INSERT INTO w (i, d, f, s, b, dt) VALUES (?, ?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
        for (int i = 0; i < 5; i++) {
          p.setLong(1, Long.MAX_VALUE - i);
          p.setBigDecimal(2, new java.math.BigDecimal("12345.6789"));
          p.setDouble(3, 1e300);
          p.setString(4, "é😀'\\");
          p.setBytes(5, new byte[] {0, -1, 39});
          p.setTimestamp(6, Timestamp.valueOf("9999-12-31 01:02:03.000004"));
          p.addBatch();
        }
        show(Arrays.toString(p.executeBatch()));
        rows(p.getGeneratedKeys());
        for (int i = 1; i <= 6; i++) p.setNull(i, Types.VARCHAR);
        show(p.executeUpdate());
        p.setBinaryStream(5, new java.io.ByteArrayInputStream(new byte[18 << 20]));
        show(p.executeUpdate());
      }
      rows(s.executeQuery("SELECT id, i, d, f, s, LEFT(b, 3), LENGTH(b), dt FROM w ORDER BY id"));
      failing("duplicate", () -> s.execute("INSERT INTO w (id) VALUES (1)"));
      failing("syntax", () -> c.prepareStatement("SELEC 1").execute());
      s.execute("CREATE PROCEDURE p (a INT, OUT b INT) BEGIN SELECT a; SELECT id FROM facts.kinds ORDER BY id; SET b = a * 2; END");
      try (CallableStatement call = c.prepareCall("{CALL p(?, ?)}")) {
        call.setInt(1, 4);
        call.registerOutParameter(2, Types.INTEGER);
        boolean more = call.execute();
        while (more) {
          rows(call.getResultSet());
          more = call.getMoreResults();
        }
        show(call.getInt(2));
      }
      Path file = Files.createTempFile("wf", ".tsv");
      Files.writeString(file, "1\ta\n2\tb\n");
      s.execute("CREATE TABLE loaded (id INT, s VARCHAR(9))");
      show(s.executeUpdate("LOAD DATA LOCAL INFILE '" + file + "' INTO TABLE loaded"));
      Files.delete(file);
      c.setAutoCommit(false);
      s.execute("DELETE FROM loaded WHERE id = 1");
      Savepoint point = c.setSavepoint("a");
      s.execute("DELETE FROM loaded");
      c.rollback(point);
      rows(s.executeQuery("SELECT * FROM loaded"));
      c.rollback();
      c.setAutoCommit(true);
      rows(s.executeQuery("SELECT * FROM loaded ORDER BY id"));
      s.execute("SET sql_mode = ''");
      s.execute("INSERT INTO loaded VALUES ('x', 'far too long')");
      for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) show(w.getErrorCode(), w.getMessage());
      s.setQueryTimeout(1);
      failing("time-out", () -> s.execute("SELECT COUNT(*) FROM facts.sales a, facts.sales b, facts.sales c WHERE a.v + b.v + c.v = 1"));
      s.setQueryTimeout(0);
      new Thread(() -> {
        try {
          Thread.sleep(400);
          s.cancel();
        } catch (Exception error) {
          show(error);
        }
      }).start();
      failing("cancelled", () -> s.execute("SELECT COUNT(*) FROM facts.sales a, facts.sales b, facts.sales c WHERE a.v + b.v + c.v = 1"));
      rows(s.executeQuery("SELECT 'goes on'"));
    }
  }

  static void metadata(Connection c) throws Exception {
    DatabaseMetaData m = c.getMetaData();
    show(m.getDatabaseProductName(), m.getDatabaseProductVersion(), m.getDatabaseMajorVersion(), m.getDatabaseMinorVersion());
    show(m.supportsTransactions(), m.getDefaultTransactionIsolation(), m.getIdentifierQuoteString(), m.getSQLKeywords().length(), m.getUserName().replaceAll("@.*", ""));
    rows(m.getTables("facts", null, "%", null));
    rows(m.getColumns("facts", null, "%", "%"));
    rows(m.getPrimaryKeys("facts", null, "kinds"));
    rows(m.getIndexInfo("facts", null, "sales", false, true));
    rows(m.getImportedKeys("facts", null, "sales"));
    rows(m.getProcedures(SCHEMA, null, "%"));
    rows(m.getTypeInfo());
  }

  public static void main(String[] arguments) throws Exception {
    queries = Files.readAllLines(Path.of(arguments[0]));
    show("== logins");
    List<String[]> accounts = new ArrayList<>();
    accounts.add(new String[] {System.getenv("DB_USER"), System.getenv("DB_PASSWORD")});
    for (String account : System.getenv("DB_ACCOUNTS").split(" ")) accounts.add(account.split(":", 2));
    for (String[] account : accounts) {
      for (String tls : new String[] {"&useSsl=true&trustServerCertificate=true", "&allowPublicKeyRetrieval=true"}) {
        try (Connection c = connect(account[0], account[1], tls)) {
          rows(c.createStatement().executeQuery("SELECT CURRENT_USER(), DATABASE()"));
        }
        failing("wrong password", () -> connect(account[0], "not it", tls));
      }
    }
    // MySQL 9.7 finds the executions of this driver malformed.
    String binary = System.getenv("DB_KIND").equals("mariadb") ? "&useServerPrepStmts=true" : "";
    for (String options : new String[] {"", binary, binary + "&useCompression=true"}) {
      show("== analytic", options);
      try (Connection c = connect("&allowPublicKeyRetrieval=true" + options)) {
        analytic(c);
      }
    }
    for (String options : new String[] {"", binary, "&rewriteBatchedStatements=true"}) {
      show("== writes", options);
      try (Connection c = connect("&allowPublicKeyRetrieval=true" + options)) {
        writes(c);
        metadata(c);
      }
    }
  }
}
