import type { AgentStatus } from './agentStatus.js';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | string];

/** A metric: its name without the prefix, its kind, what it is, and its samples. */
type Metric = readonly [name: string, kind: 'counter' | 'gauge', help: string, samples: readonly Sample[]];

const PREFIX = 'understudy_agent_';

/** What is known of the process beside its status. */
export interface ProcessFigures {
  residentBytes: number;
  cpuSeconds: number;
}

/**
 * An agent's status as Prometheus metrics. Counters count since the process started. Pure.
 * Source: Prometheus text exposition format 0.0.4
 */
export function metricsText(status: AgentStatus, process: ProcessFigures): string {
  const metrics = [...activity(status), ...money(status), ...circuits(status), ...processFigures(process)];
  return metrics
    .map(([name, kind, help, samples]) => {
      const full = PREFIX + name;
      const lines = samples.map(([labels, value]) => `${full}${labelsText(labels)} ${value}`);
      return [`# HELP ${full} ${help}`, `# TYPE ${full} ${kind}`, ...lines].join('\n');
    })
    .join('\n')
    .concat('\n');
}

const single = (value: number | string): Sample[] => [[{}, value]];
const byLabel = (label: string, values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([key, value]) => [{ [label]: key }, value]);

function activity(status: AgentStatus): Metric[] {
  const jobs: Record<string, number> = { primary: 0, backup: 0, pool: 0 };
  for (const { role } of Object.values(status.jobs)) jobs[role] = (jobs[role] ?? 0) + 1;
  return [
    ['ready', 'gauge', 'Whether the agent bids.', single(Number(status.phase === 'ready'))],
    ['connected', 'gauge', 'Whether the market’s feed is followed.', single(Number(status.isConnected))],
    ['jobs_held', 'gauge', 'Jobs held, standby duties included.', byLabel('role', jobs)],
    ['bids_placed_total', 'counter', 'Bids that the market took.', single(status.bidsPlaced)],
    ['bids_won_total', 'counter', 'Bids that won something.', single(status.bidsWon)],
    ['bids_lost_total', 'counter', 'Bids that won nothing, by code.', byLabel('code', status.bidsLost)],
    ['rounds_skipped_total', 'counter', 'Rounds without a bid, by code.', byLabel('code', status.roundsSkipped)],
    ['zkproofs_delivered_total', 'counter', 'zkProofs delivered.', single(status.delivered)],
    ['zkproofs_failed_total', 'counter', 'Attempts at a zkProof that failed.', single(status.failedProofs)],
    ['jobs_handed_back_total', 'counter', 'Jobs handed back.', single(status.handedBack)],
  ];
}

function money({ earnedWei, lostWei, freeWei, bondedWei }: AgentStatus): Metric[] {
  const known = (wei: string | null): Sample[] => (wei === null ? [] : single(wei));
  return [
    ['earned_wei_total', 'counter', 'What came in for ended jobs, in wei.', single(earnedWei)],
    ['lost_wei_total', 'counter', 'What was lost of bonds and deposits, in wei.', single(lostWei)],
    ['free_wei', 'gauge', 'Free money of the account, in wei.', known(freeWei)],
    ['bonded_wei', 'gauge', 'Money in bonds, in wei.', known(bondedWei)],
  ];
}

function circuits(status: AgentStatus): Metric[] {
  const all = Object.values(status.circuits);
  const seconds = (pick: (one: (typeof all)[number]) => number | null): Sample[] =>
    all.flatMap((one) => {
      const ms = pick(one);
      return ms === null ? [] : [[{ circuit: one.circuitId }, ms / 1_000] as const];
    });
  const scores = Object.values(status.scores);
  const estimates = Object.entries(status.estimates);
  return [
    [
      'circuit_served',
      'gauge',
      'Whether a circuit is proven here.',
      all.map((one) => [{ circuit: one.circuitId }, Number(one.failure === null)]),
    ],
    ['circuit_promised_seconds', 'gauge', 'The time promised in bids.', seconds(({ promisedMs }) => promisedMs)],
    ['circuit_typical_seconds', 'gauge', 'The median time of a zkProof.', seconds(({ typicalMs }) => typicalMs)],
    [
      'proving_seconds_total',
      'counter',
      'Time spent on zkProofs that were made.',
      estimates.map(([circuit, one]) => [{ circuit }, one.actualMs / 1_000]),
    ],
    [
      'zkproofs_made_total',
      'counter',
      'zkProofs made.',
      estimates.map(([circuit, { proofs }]) => [{ circuit }, proofs]),
    ],
    [
      'promises_kept_total',
      'counter',
      'zkProofs made within the promised time.',
      estimates.map(([circuit, { kept }]) => [{ circuit }, kept]),
    ],
    [
      'score_eligible',
      'gauge',
      'Whether the market lets this prover win.',
      scores.map((one) => [{ circuit: one.circuitId }, Number(one.isEligible)]),
    ],
    [
      'score_on_time_ratio',
      'gauge',
      'Part of the jobs delivered in time.',
      scores.flatMap((one) =>
        one.onTimePpm === null ? [] : [[{ circuit: one.circuitId }, one.onTimePpm / 1_000_000] as const],
      ),
    ],
  ];
}

function processFigures({ residentBytes, cpuSeconds }: ProcessFigures): Metric[] {
  return [
    ['resident_memory_bytes', 'gauge', 'Resident memory of the process.', single(residentBytes)],
    ['cpu_seconds_total', 'counter', 'Processor time of the process, user and system.', single(cpuSeconds)],
  ];
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
