-- Columns of the collations that MariaDB has or shares.
CREATE TABLE w (
  id INT NOT NULL PRIMARY KEY, ai VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci, ascs VARCHAR(20) COLLATE utf8mb4_uca1400_as_cs,
  gen VARCHAR(20) COLLATE utf8mb4_general_ci, uni VARCHAR(20) COLLATE utf8mb4_unicode_ci, bin VARCHAR(20) COLLATE utf8mb4_bin,
  binn VARCHAR(20) COLLATE utf8mb4_nopad_bin, lat VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
  latb VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin, asc7 VARCHAR(20) CHARACTER SET ascii COLLATE ascii_general_ci,
  ch CHAR(20) COLLATE utf8mb4_uca1400_ai_ci, vb VARBINARY(20)
);
INSERT INTO w SELECT id, v, v, v, v, v, v, v, v, v, v, v FROM raw;
CREATE TABLE wx (
  id INT NOT NULL PRIMARY KEY, ai VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci, ascs VARCHAR(20) COLLATE utf8mb4_uca1400_as_cs,
  gen VARCHAR(20) COLLATE utf8mb4_general_ci, uni VARCHAR(20) COLLATE utf8mb4_unicode_ci, bin VARCHAR(20) COLLATE utf8mb4_bin,
  binn VARCHAR(20) COLLATE utf8mb4_nopad_bin, lat VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
  latb VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin, ch CHAR(20) COLLATE utf8mb4_uca1400_ai_ci, vb VARBINARY(20)
);
INSERT INTO wx SELECT id, v, v, v, v, v, v, v, v, v, v FROM rawx;
CREATE TABLE lt (
  id INT NOT NULL PRIMARY KEY, s TEXT COLLATE utf8mb4_uca1400_as_cs, m VARCHAR(300) COLLATE utf8mb4_uca1400_as_cs, k VARCHAR(170) COLLATE utf8mb4_uca1400_as_cs
);
INSERT INTO lt SELECT id, v, v, v FROM (SELECT 1 id, 'abc' v UNION ALL SELECT 2, 'Abc' UNION ALL SELECT 3, 'abc'
  UNION ALL SELECT 4, 'Abc' UNION ALL SELECT 5, 'abd' UNION ALL SELECT 6, 'abc' UNION ALL SELECT 7, 'ABC') x;
