/**
 * Cuts a page of `limit` rows where the place changes, so that rows of one place are not parted by the page's end and
 * lost; a group larger than a page is cut all the same. @param rows - limit + 1 of them when there are more
 */
export function wholeGroups<Row>(rows: Row[], limit: number, placeOf: (row: Row) => bigint): Row[] {
  if (rows.length <= limit) return rows;
  const next = placeOf(rows[limit]!);
  const whole = rows.slice(0, limit).filter((row) => placeOf(row) !== next);
  return whole.length > 0 ? whole : rows.slice(0, limit);
}
