WITH sums AS (
  SELECT s_state, s_county, SUM(ss_net_profit) AS profit
  FROM store_sales, date_dim AS d1, store
  WHERE
    d1.d_month_seq BETWEEN 1200 AND 1200 + 11
    AND d1.d_date_sk = ss_sold_date_sk
    AND s_store_sk = ss_store_sk
    AND s_state IN (
      SELECT s_state
      FROM (
        SELECT
          s_state AS s_state,
          RANK() OVER (PARTITION BY s_state ORDER BY SUM(ss_net_profit) DESC) AS ranking
        FROM store_sales, store, date_dim
        WHERE d_month_seq BETWEEN 1200 AND 1200 + 11 AND d_date_sk = ss_sold_date_sk AND s_store_sk = ss_store_sk
        GROUP BY s_state
      ) AS tmp1
      WHERE ranking <= 5
    )
  GROUP BY s_state, s_county
), levels AS (
  SELECT profit AS total_sum, s_state, s_county, 0 AS lochierarchy FROM sums
  UNION ALL
  SELECT SUM(profit), s_state, NULL, 1 FROM sums GROUP BY s_state
  UNION ALL
  SELECT SUM(profit), NULL, NULL, 2 FROM sums
)
SELECT
  total_sum,
  s_state,
  s_county,
  lochierarchy,
  RANK() OVER (
    PARTITION BY lochierarchy, CASE WHEN lochierarchy = 0 THEN s_state END
    ORDER BY total_sum DESC
  ) AS rank_within_parent
FROM levels
ORDER BY
  lochierarchy DESC,
  CASE WHEN lochierarchy = 0 THEN s_state END,
  rank_within_parent
LIMIT 100
