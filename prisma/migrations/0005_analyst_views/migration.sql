-- Views for analysts: what the log says, as tables. Columns are documented in coordinator/auditor/README.md; the same rows
-- come out of a log without a database by `understudy export --format`. Nothing of the coordinator reads them.

CREATE SCHEMA "analyst";

CREATE VIEW "analyst"."rounds" AS
SELECT
  o.leaf::jsonb->>'roundId' AS round_id,
  o.leaf::jsonb->>'blockId' AS block_id,
  o.leaf::jsonb->>'circuitId' AS circuit_id,
  (o.leaf::jsonb->>'step')::int AS step,
  jsonb_array_length(o.leaf::jsonb->'jobIds') AS jobs,
  o.leaf::jsonb->>'sealing' AS sealing,
  (o.leaf::jsonb->>'parametersVersion')::int AS parameters_version,
  (o.leaf::jsonb->>'maxPriceWei')::numeric(78,0) AS max_price_wei,
  o.at_ms AS opened_at_ms,
  (o.leaf::jsonb->>'closesAtMs')::bigint AS closes_at_ms,
  (o.leaf::jsonb->>'deadlineMs')::bigint AS deadline_ms,
  c.at_ms AS cleared_at_ms,
  jsonb_array_length(c.leaf::jsonb->'bids') AS bids,
  jsonb_array_length(c.leaf::jsonb->'awards') AS awards,
  jsonb_array_length(c.leaf::jsonb->'unawarded') AS unawarded,
  o.index AS entry_index,
  c.index AS cleared_entry_index
FROM "entries" o
LEFT JOIN "rounds" r ON r.round_id = o.leaf::jsonb->>'roundId'
LEFT JOIN "entries" c ON c.index = r.cleared_entry_index
WHERE o.type = 'roundOpened';

CREATE VIEW "analyst"."bids" AS
SELECT
  c.leaf::jsonb->>'roundId' AS round_id,
  b.bid->'message'->>'prover' AS prover,
  (b.bid->'message'->>'priceWei')::numeric(78,0) AS price_wei,
  (b.bid->'message'->>'standbyWei')::numeric(78,0) AS standby_wei,
  (b.bid->'message'->>'maxJobs')::int AS max_jobs,
  (b.bid->'message'->>'maxConcurrent')::int AS max_concurrent,
  (b.bid->'message'->>'provingMsP95')::bigint AS proving_ms_p95,
  (b.bid->'message'->>'expiresAtMs')::bigint AS expires_at_ms,
  c.leaf::jsonb->'explanations'->(b.place::int - 1)->>'code' AS outcome,
  c.at_ms AS cleared_at_ms,
  c.index AS entry_index,
  b.place::int - 1 AS place
FROM "entries" c
CROSS JOIN LATERAL jsonb_array_elements(c.leaf::jsonb->'bids') WITH ORDINALITY AS b(bid, place)
WHERE c.type = 'roundCleared';

CREATE VIEW "analyst"."awards" AS
SELECT
  a.award->>'jobId' AS job_id,
  c.leaf::jsonb->>'roundId' AS round_id,
  a.award->'primary'->>'prover' AS primary_prover,
  a.award->'primary'->>'owner' AS primary_owner,
  (a.award->'primary'->>'priceBidWei')::numeric(78,0) AS primary_bid_wei,
  (a.award->'primary'->>'bondWei')::numeric(78,0) AS primary_bond_wei,
  (a.award->'primary'->>'missPpm')::int AS primary_miss_ppm,
  (a.award->'primary'->>'promisedMs')::bigint AS primary_promised_ms,
  a.award->'backup'->>'prover' AS backup_prover,
  a.award->'backup'->>'owner' AS backup_owner,
  (a.award->'backup'->>'bondWei')::numeric(78,0) AS backup_bond_wei,
  (a.award->'backup'->>'missPpm')::int AS backup_miss_ppm,
  (a.award->>'priceWei')::numeric(78,0) AS price_wei,
  (a.award->>'standbyFeeWei')::numeric(78,0) AS standby_fee_wei,
  (a.award->>'primaryDueMs')::bigint AS primary_due_ms,
  (a.award->>'backupStartMs')::bigint AS backup_start_ms,
  c.at_ms AS awarded_at_ms,
  c.index AS entry_index
FROM "entries" c
CROSS JOIN LATERAL jsonb_array_elements(c.leaf::jsonb->'awards') AS a(award)
WHERE c.type = 'roundCleared';

CREATE VIEW "analyst"."payments" AS
SELECT
  p.entry_index,
  p.sequence,
  p.at_ms,
  e.type AS entry_type,
  e.leaf::jsonb->>'jobId' AS job_id,
  p.from_account,
  p.to_account,
  p.amount_wei,
  p.why
FROM "postings" p
JOIN "entries" e ON e.index = p.entry_index;

-- Outcomes within the window of the parameters in force, as of the newest entry. An outcome without a lateness never had to
-- prove; 1,000,000,000 stands for what was not delivered.
CREATE VIEW "analyst"."scores" AS
WITH now AS (
  SELECT (SELECT max(at_ms) FROM "entries") AS at_ms,
    (SELECT (e.leaf::jsonb->'parameters'->>'recordWindowMs')::bigint FROM "entries" e
     WHERE e.type IN ('marketOpened', 'parametersSet') ORDER BY e.index DESC LIMIT 1) AS window_ms
), counted AS (
  SELECT r.prover, r.circuit_id, (r.state->>'accepted')::int AS accepted,
    count(o.outcome)::int AS outcomes,
    count(*) FILTER (WHERE (o.outcome->>'latenessPct') IS NOT NULL)::int AS proven,
    count(*) FILTER (WHERE (o.outcome->>'latenessPct')::bigint < 1000000000)::int AS delivered,
    count(*) FILTER (WHERE (o.outcome->>'latenessPct')::bigint <= 100)::int AS on_time,
    count(*) FILTER (WHERE (o.outcome->>'reachable')::boolean)::int AS reachable
  FROM "prover_records" r
  CROSS JOIN now
  LEFT JOIN LATERAL jsonb_array_elements(r.state->'outcomes') AS o(outcome)
    ON (o.outcome->>'atMs')::bigint >= now.at_ms - now.window_ms
  GROUP BY r.prover, r.circuit_id, r.state
)
SELECT prover, circuit_id, accepted, outcomes, proven, delivered, on_time,
  floor(on_time::numeric * 1000000 / nullif(proven, 0))::int AS on_time_ppm,
  reachable,
  floor(reachable::numeric * 1000000 / nullif(outcomes, 0))::int AS reachable_ppm
FROM counted;
