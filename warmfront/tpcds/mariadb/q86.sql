WITH sums AS (
  SELECT i_category, i_class, SUM(ws_net_paid) AS paid
  FROM web_sales, date_dim AS d1, item
  WHERE
    d1.d_month_seq BETWEEN 1183 AND 1183 + 11
    AND d1.d_date_sk = ws_sold_date_sk
    AND i_item_sk = ws_item_sk
  GROUP BY i_category, i_class
), levels AS (
  SELECT paid AS total_sum, i_category, i_class, 0 AS lochierarchy FROM sums
  UNION ALL
  SELECT SUM(paid), i_category, NULL, 1 FROM sums GROUP BY i_category
  UNION ALL
  SELECT SUM(paid), NULL, NULL, 2 FROM sums
)
SELECT
  total_sum,
  i_category,
  i_class,
  lochierarchy,
  RANK() OVER (
    PARTITION BY lochierarchy, CASE WHEN lochierarchy = 0 THEN i_category END
    ORDER BY total_sum DESC
  ) AS rank_within_parent
FROM levels
ORDER BY
  lochierarchy DESC,
  CASE WHEN lochierarchy = 0 THEN i_category END,
  rank_within_parent
LIMIT 100
