WITH sums AS (
  SELECT i_category, i_class, SUM(ss_net_profit) AS profit, SUM(ss_ext_sales_price) AS price
  FROM store_sales, date_dim AS d1, item, store
  WHERE
    d1.d_year = 2000
    AND d1.d_date_sk = ss_sold_date_sk
    AND i_item_sk = ss_item_sk
    AND s_store_sk = ss_store_sk
    AND s_state IN ('TN', 'TN', 'TN', 'TN', 'TN', 'TN', 'TN', 'TN')
  GROUP BY i_category, i_class
), levels AS (
  SELECT profit / price AS gross_margin, i_category, i_class, 0 AS lochierarchy FROM sums
  UNION ALL
  SELECT SUM(profit) / SUM(price), i_category, NULL, 1 FROM sums GROUP BY i_category
  UNION ALL
  SELECT SUM(profit) / SUM(price), NULL, NULL, 2 FROM sums
)
SELECT
  gross_margin,
  i_category,
  i_class,
  lochierarchy,
  RANK() OVER (
    PARTITION BY lochierarchy, CASE WHEN lochierarchy = 0 THEN i_category END
    ORDER BY gross_margin ASC
  ) AS rank_within_parent
FROM levels
ORDER BY
  lochierarchy DESC,
  CASE WHEN lochierarchy = 0 THEN i_category END,
  rank_within_parent
LIMIT 100
