/** How the money on the chain stands in its tables: small facts beside the market's, and rows for what grows. */
import type { PoolClient } from 'pg';
import type { BalanceRoot, JobSet, Settlement } from '#market/settlement.js';
import type { MarketState } from '#market/state.js';
import type { Address, Hex } from '#protocol/units.js';

/** Rows that a batch has to write. */
export interface TouchedSettlement {
  withdrawals: Set<Address>;
  sets: Set<Hex>;
  /** The newest root was computed: its entitlements are written, and those of roots that nothing refers to dropped. */
  roots: boolean;
}

type RootFacts = Omit<BalanceRoot, 'entitlements' | 'sumWei' | 'creditedWei'> & { sumWei: string; creditedWei: string };

const rootFacts = ({ entitlements: _rows, sumWei, creditedWei, ...root }: BalanceRoot): RootFacts => {
  return { ...root, sumWei: sumWei.toString(), creditedWei: creditedWei.toString() };
};

/** What of the settlement is kept among the facts of the market; undefined on a market without a chain. */
export function settlementFactsOf(settlement: Settlement | null) {
  if (!settlement) return undefined;
  const { terms, attachedAtMs, depositedWei, newestDeposit, committedWei, computed, posted } = settlement;
  return {
    terms,
    attachedAtMs,
    depositedWei: depositedWei.toString(),
    newestDeposit,
    committedWei: committedWei.toString(),
    computed: computed && rootFacts(computed),
    posted: posted && rootFacts(posted),
  };
}
export type SettlementFacts = NonNullable<ReturnType<typeof settlementFactsOf>>;

/** Reads the settlement back: its facts, and the rows that belong to them. */
export async function loadSettlement(
  client: PoolClient,
  facts: SettlementFacts | undefined,
): Promise<Settlement | null> {
  if (!facts) return null;
  const withdrawals = await client.query<{ account: Address; wei: string }>(
    'SELECT account, cumulative_wei::text AS wei FROM withdrawals',
  );
  const sets = await client.query<{ state: JobSet }>('SELECT state FROM job_sets');
  const posted = facts.posted && (await loadRoot(client, facts.posted));
  const isPosted = facts.computed?.epoch === facts.posted?.epoch;
  return {
    terms: facts.terms,
    attachedAtMs: facts.attachedAtMs,
    depositedWei: BigInt(facts.depositedWei),
    newestDeposit: facts.newestDeposit,
    committedWei: BigInt(facts.committedWei),
    withdrawn: new Map(withdrawals.rows.map(({ account, wei }) => [account, BigInt(wei)])),
    sets: new Map(sets.rows.map(({ state }) => [state.setId, state])),
    computed: isPosted ? posted : facts.computed && (await loadRoot(client, facts.computed)),
    posted,
  };
}

async function loadRoot(client: PoolClient, { sumWei, creditedWei, ...root }: RootFacts): Promise<BalanceRoot> {
  const { rows } = await client.query<{ packed: Buffer }>('SELECT packed FROM entitlements WHERE epoch = $1', [
    root.epoch,
  ]);
  if (!rows[0] && sumWei !== '0') throw new Error(`the entitlements of epoch ${root.epoch} are missing`);
  const entitlements = new Uint8Array(rows[0]?.packed ?? []);
  return { ...root, sumWei: BigInt(sumWei), creditedWei: BigInt(creditedWei), entitlements };
}

/** Writes what a batch has changed, within its transaction. */
export async function writeSettlement(
  client: PoolClient,
  { settlement }: MarketState,
  touched: TouchedSettlement,
): Promise<void> {
  if (!settlement) return;
  if (touched.withdrawals.size > 0) {
    await client.query(
      `INSERT INTO withdrawals (account, cumulative_wei)
       SELECT account, wei::numeric FROM jsonb_to_recordset($1::jsonb) AS x(account text, wei text)
       ON CONFLICT (account) DO UPDATE SET cumulative_wei = excluded.cumulative_wei`,
      [JSON.stringify([...touched.withdrawals].map((account) => rowOf([account, settlement.withdrawn.get(account)!])))],
    );
  }
  if (touched.roots) await writeRoots(client, settlement);
  const kept = [...touched.sets].flatMap((setId) => settlement.sets.get(setId) ?? []);
  if (kept.length > 0) {
    await client.query(
      `INSERT INTO job_sets (set_id, state)
       SELECT "setId", state FROM jsonb_to_recordset($1::jsonb) AS x("setId" text, state jsonb)
       ON CONFLICT (set_id) DO UPDATE SET state = excluded.state`,
      [JSON.stringify(kept.map((set) => ({ setId: set.setId, state: set })))],
    );
  }
  const over = [...touched.sets].filter((setId) => !settlement.sets.has(setId));
  if (over.length > 0) await client.query('DELETE FROM job_sets WHERE set_id = ANY($1)', [over]);
}

const rowOf = ([account, wei]: [Address, bigint]) => ({ account, wei: wei.toString() });

async function writeRoots(client: PoolClient, { computed, posted }: Settlement): Promise<void> {
  await client.query('DELETE FROM entitlements WHERE epoch < $1', [posted?.epoch ?? computed?.epoch ?? 0]);
  if (!computed) return;
  await client.query('INSERT INTO entitlements (epoch, packed) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    computed.epoch,
    Buffer.from(computed.entitlements.buffer),
  ]);
}

/** The rows that must stand in the tables, by primary key: for `fsck`. */
export function settlementRows({ settlement }: MarketState): { table: string; key: string; state: unknown }[] {
  if (!settlement) return [];
  const roots = new Set([settlement.posted, settlement.computed].filter((root) => root !== null));
  return [
    ...[...settlement.withdrawn].map((row) => ({ table: 'withdrawals', key: row[0], state: rowOf(row) })),
    ...[...settlement.sets].map(([key, state]) => ({ table: 'job_sets', key, state })),
    ...[...roots].map(({ epoch, entitlements }) => {
      return { table: 'entitlements', key: String(epoch), state: Buffer.from(entitlements.buffer).toString('hex') };
    }),
  ];
}

/** How those rows are selected. */
export const SETTLEMENT_ROWS_SQL = {
  withdrawals: { key: 'account', state: `json_build_object('account', account, 'wei', cumulative_wei::text)` },
  job_sets: { key: 'set_id', state: 'state' },
  entitlements: { key: 'epoch', state: `to_json(encode(packed, 'hex'))` },
};
