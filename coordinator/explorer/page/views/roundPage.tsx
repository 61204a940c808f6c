import type { RouteAnswer } from '#protocol/routeCalls.js';
import { blockIdOf } from '#protocol/units.js';
import type { LogWatch } from '../check/logWatch.js';
import type { SeenCandidate } from '../check/replayMessages.js';
import { useReplay } from '../check/useReplay.js';
import { client } from '../data/client.js';
import { shortId } from '../data/proverNames.js';
import { useData } from '../data/useData.js';
import { useNow } from '../data/useNow.js';
import { Figures } from '../parts/figures.js';
import { BlockLink, EntryLink, JobLink, ProverLink, ProverName } from '../parts/links.js';
import { formatMoney, moneyFormat } from '../parts/money.js';
import { Notice } from '../parts/notice.js';
import { Table } from '../parts/table.js';
import { clockTime, dateTime, duration, percent, seconds } from '../parts/time.js';
import { inWords } from '../parts/words.js';
import { Escalations } from './escalations.js';
import { explanationOf, UNMET } from './explanations.js';
import { Recomputation } from './recomputation.js';

export type RoundDetail = RouteAnswer<'getRound'>;
type Cleared = NonNullable<RoundDetail['cleared']>;

/** One round: its bids with what became of each, its awards, and the same recomputed in this browser. */
export function RoundPage({ roundId, watch }: { roundId: string; watch: LogWatch }) {
  const loaded = useData(
    roundId,
    () => readRound(roundId),
    ({ entry }) => [entry, entry.message as { roundId?: unknown } | undefined].some((one) => one?.roundId === roundId),
  );
  if (!loaded.value) return <Notice of={loaded} what={`the round ${shortId(roundId)}`} />;
  const { round, label } = loaded.value;
  return (
    <>
      <Head round={round} label={label} />
      {round.cleared ? (
        <ClearedRound round={round} cleared={round.cleared} watch={watch} />
      ) : (
        <SealedBids round={round} />
      )}
    </>
  );
}

async function readRound(roundId: string) {
  const [round, { request }] = await Promise.all([
    client.call('getRound', { params: { roundId } }),
    client.call('getBlock', { params: { blockId: blockIdOf(roundId) } }),
  ]);
  return { round, label: request.label };
}

function ClearedRound({ round, cleared, watch }: { round: RoundDetail; cleared: Cleared; watch: LogWatch }) {
  const { roundId, escalations } = round;
  const replay = useReplay(watch, { roundId, clearedIndex: cleared.entryIndex });
  const candidates = replay.state.step === 'done' ? replay.state.outcome.candidates : [];
  return (
    <>
      <Recomputation replay={replay} entries={cleared.entryIndex + 1} bids={cleared.bids.length} />
      <Bids cleared={cleared} candidates={candidates} />
      <Unopened round={round} cleared={cleared} />
      <Awards cleared={cleared} />
      <Unsold cleared={cleared} />
      <Escalations escalations={escalations} />
    </>
  );
}

function Head({ round, label }: { round: RoundDetail; label: string }) {
  const nowMs = useNow(round.clearedAtMs === null);
  const { closesAtMs, clearedAtMs, cleared } = round;
  return (
    <>
      <header>
        <h1>
          Round {Number(round.roundId.slice(68)) + 1} of block <BlockLink blockId={round.blockId} label={label} />
        </h1>
        <p>
          {`Opened ${dateTime(round.openedAtMs)}, ${clearedAtMs === null ? 'closes' : 'closed'} ${clockTime(closesAtMs)}; `}
          {`step ${round.step + 1} of the requester’s schedule; parameters of version ${round.parametersVersion}.`}
          {cleared && (
            <>
              {' '}
              Cleared by entry <EntryLink index={cleared.entryIndex} />.
            </>
          )}
        </p>
      </header>
      <Figures
        figures={[
          {
            name: 'State',
            value: stateOf(round, nowMs),
          },
          { name: 'Jobs', value: round.jobIds.length },
          {
            name: 'Bids',
            value: round.bidCount,
            note: round.sealing === 'commitReveal' && cleared ? `${cleared.bids.length} of them opened` : undefined,
          },
          { name: 'Max price of a job', value: formatMoney(round.maxPriceWei) },
          { name: 'Sold', value: cleared ? `${cleared.awards.length} of ${round.jobIds.length}` : '–' },
          {
            name: 'Time to the deadline',
            value: duration(round.deadlineMs - closesAtMs),
            note: 'from the end of the window',
          },
        ]}
      />
    </>
  );
}

/** Where a round stands. Bids that were committed to are opened after the window. */
function stateOf({ withdrawn, clearedAtMs, closesAtMs, revealsUntilMs }: RoundDetail, nowMs: number): string {
  if (withdrawn) return 'withdrawn by its requester';
  if (clearedAtMs !== null) return 'cleared';
  if (closesAtMs > nowMs) return `closes in ${duration(closesAtMs - nowMs)}`;
  if (revealsUntilMs !== null && revealsUntilMs > nowMs) return `bids open for ${duration(revealsUntilMs - nowMs)}`;
  return 'closing';
}

function SealedBids({ round }: { round: RoundDetail }) {
  const { commitments, sealing, sealedEntryIndex, revealsUntilMs, withdrawn } = round;
  const about = withdrawn
    ? 'the round ended without a clearing, and nobody learns their prices'
    : sealing === 'receipt'
      ? 'prices are published when the round is cleared'
      : 'nobody knows their prices before all commitments are in the log; then they are opened';
  return (
    <section class="panel">
      {sealedEntryIndex !== null && revealsUntilMs !== null && (
        <p>
          The commitments were sealed by entry <EntryLink index={sealedEntryIndex} />. Bids may be opened until{' '}
          {clockTime(revealsUntilMs)}; one that is not forfeits its deposit.
        </p>
      )}
      <Table
        caption={
          <>
            Sealed bids <span class="quiet">{about}</span>
          </>
        }
        rows={commitments}
        keyOf={({ prover }) => prover}
        empty="Nobody has bid yet."
        columns={[
          { head: 'Prover', cell: ({ prover }) => <ProverLink address={prover} /> },
          { head: 'Commitment', cell: ({ commitment }) => <span class="mono">{commitment}</span> },
        ]}
      />
    </section>
  );
}

function Bids({ cleared, candidates }: { cleared: Cleared; candidates: SeenCandidate[] }) {
  const bids = cleared.bids.map(({ message }) => message);
  const money = moneyFormat(bids.flatMap(({ priceWei, standbyWei }) => [priceWei, standbyWei]));
  const seen = new Map(candidates.map((one) => [one.prover, one]));
  const free = moneyFormat(candidates.map(({ freeWei }) => freeWei));
  const isSeen = candidates.length > 0;
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Bids <span class="quiet">in the order of their commitments ({money.unit} per job)</span>
          </>
        }
        rows={bids}
        keyOf={({ prover }) => prover}
        empty="Nobody bid."
        classOf={({ prover }) => (winsOf(cleared, prover) === 0 ? 'lost' : undefined)}
        columns={[
          { head: 'Prover', cell: ({ prover }) => <ProverLink address={prover} /> },
          { head: 'To prove', isNumber: true, cell: ({ priceWei }) => money.text(priceWei) },
          { head: 'To stand by', isNumber: true, cell: ({ standbyWei }) => money.text(standbyWei) },
          { head: 'Jobs at most', isNumber: true, cell: ({ maxJobs }) => maxJobs },
          { head: 'At once', isNumber: true, cell: ({ maxConcurrent }) => maxConcurrent },
          { head: 'Promised (s)', isNumber: true, cell: ({ provingMsP95 }) => seconds(provingMsP95) },
          isSeen && {
            head: 'Reckoned (s)',
            isNumber: true,
            cell: ({ prover }) => (seen.has(prover) ? seconds(seen.get(prover)!.provingMsP95) : 'expired'),
          },
          isSeen && {
            head: 'Load in front (s)',
            isNumber: true,
            cell: ({ prover }) => {
              const one = seen.get(prover);
              return one ? seconds(one.runningMs + one.standbyMs) : '–';
            },
          },
          isSeen && {
            head: `Free (${free.unit})`,
            isNumber: true,
            cell: ({ prover }) => (seen.has(prover) ? free.text(seen.get(prover)!.freeWei) : '–'),
          },
          { head: 'What became of it', isText: true, cell: ({ prover }) => explanationOf(cleared, prover) },
        ]}
      />
    </section>
  );
}

/** Commitments whose bids were never shown. In rounds of the other kind there are none. */
function Unopened({ round, cleared }: { round: RoundDetail; cleared: Cleared }) {
  const opened = new Set(cleared.bids.map(({ message }) => message.prover));
  const missing = round.commitments.filter(({ prover }) => !opened.has(prover));
  if (round.sealing !== 'commitReveal' || missing.length === 0) return null;
  const fate = round.revealExcused
    ? 'their deposits were given back, because the coordinator was away'
    : 'their deposits went to the requester, unless the bid had expired by itself';
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Bids that were never opened <span class="quiet">{fate}</span>
          </>
        }
        rows={missing}
        keyOf={({ prover }) => prover}
        empty=""
        columns={[
          { head: 'Prover', cell: ({ prover }) => <ProverLink address={prover} /> },
          { head: 'Commitment', cell: ({ commitment }) => <span class="mono">{commitment}</span> },
        ]}
      />
    </section>
  );
}

function winsOf(cleared: Cleared, prover: string): number {
  return cleared.awards.filter(({ primary, backup }) => primary.prover === prover || backup?.prover === prover).length;
}

function Awards({ cleared: { awards } }: { cleared: Cleared }) {
  const money = moneyFormat(awards.flatMap(({ priceWei, standbyFeeWei }) => [priceWei, standbyFeeWei]));
  const bonds = moneyFormat(awards.flatMap(({ primary, backup }) => [primary.bondWei, backup?.bondWei ?? '0']));
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Awards <span class="quiet">({money.unit} per job)</span>
          </>
        }
        rows={awards}
        keyOf={({ jobId }) => jobId}
        empty="No job was sold."
        columns={[
          { head: 'Job', isNumber: true, cell: ({ jobId }) => <JobLink jobId={jobId} /> },
          { head: 'Primary', cell: ({ primary }) => <ProverLink address={primary.prover} /> },
          {
            head: 'Owner',
            cell: ({ primary: { owner, prover } }) => (owner === prover ? 'itself' : <ProverName address={owner} />),
          },
          { head: 'Price', isNumber: true, cell: ({ priceWei }) => money.text(priceWei) },
          { head: 'Own bid', isNumber: true, cell: ({ primary }) => money.text(primary.priceBidWei) },
          { head: 'Miss', isNumber: true, cell: ({ primary }) => percent(primary.missPpm / 1e6) },
          { head: `Bond (${bonds.unit})`, isNumber: true, cell: ({ primary }) => bonds.text(primary.bondWei) },
          { head: 'Due', isNumber: true, cell: ({ primaryDueMs }) => clockTime(primaryDueMs) },
          { head: 'Backup', cell: ({ backup }) => (backup ? <ProverLink address={backup.prover} /> : 'none') },
          {
            head: 'Standby fee',
            isNumber: true,
            cell: ({ backup, standbyFeeWei }) => (backup ? money.text(standbyFeeWei) : '–'),
          },
          {
            head: 'Starts by',
            isNumber: true,
            cell: ({ backupStartMs }) => (backupStartMs === null ? '–' : clockTime(backupStartMs)),
          },
          awards.some(({ unmet }) => unmet.length > 0) && {
            head: 'Lacks',
            isText: true,
            cell: ({ unmet }) => unmet.map((demand) => UNMET[demand]).join(', '),
          },
        ]}
      />
    </section>
  );
}

function Unsold({ cleared: { unawarded } }: { cleared: Cleared }) {
  if (unawarded.length === 0) return null;
  return (
    <section class="panel">
      <Table
        caption="Jobs that were not sold in this round"
        rows={unawarded}
        keyOf={({ jobId }) => jobId}
        empty=""
        columns={[
          { head: 'Job', isNumber: true, cell: ({ jobId }) => <JobLink jobId={jobId} /> },
          { head: 'Why', isText: true, cell: ({ reason }) => inWords(reason) },
        ]}
      />
    </section>
  );
}
