import { type AgentEvent, type AgentStatus, EMPTY_STATUS, type EstimateStatus, type JobStatus } from './agentStatus.js';
import { tellBid } from './bidNews.js';

/** How much news is kept of each kind. */
const NEWS_MAX = 20;
/** Circuits, scores and codes that are kept: what the market lists is bounded elsewhere, this bounds a broken log. */
const KEYS_MAX = 1_000;

/** Where an agent stands after all of these events. Pure. */
export function statusOf(events: Iterable<AgentEvent>): AgentStatus {
  let status = EMPTY_STATUS;
  for (const event of events) status = nextStatus(status, event);
  return status;
}

/** Where an agent stands after one more event. Pure; an event that says nothing of it changes the time alone. */
export function nextStatus(status: AgentStatus, event: AgentEvent): AgentStatus {
  const change = Object.hasOwn(CHANGES, event.event) ? CHANGES[event.event] : undefined;
  return { ...status, lastEventMs: event.atMs, ...change?.(status, event) };
}

type Change = (status: AgentStatus, event: AgentEvent) => Partial<AgentStatus>;

const CHANGES: Record<string, Change> = {
  starting: (_, event) => {
    const { prover, coordinator, name, slots, atMs } = event;
    const { ...fresh } = EMPTY_STATUS;
    const known = { prover: text(prover), coordinator: text(coordinator), name: text(name), slots: Number(slots ?? 1) };
    return { ...fresh, ...known, startedMs: atMs, lastEventMs: atMs };
  },
  ready: () => ({ phase: 'ready' }),
  stopping: () => ({ phase: 'stopping' }),
  stopped: () => ({ phase: 'stopped', isConnected: false, jobs: {} }),
  feedConnected: () => ({ isConnected: true }),
  feedLost: (status, event) => ({ isConnected: false, ...notice(status, event, `feed lost: ${event.reason}`) }),
  coordinatorUnreachable: (status, event) => ({
    isConnected: false,
    ...notice(status, event, `the coordinator does not answer: ${event.reason}`),
  }),

  circuitReady: (status, { circuitId, name, backend, promisedMs, typicalMs }) => {
    const id = String(circuitId);
    const ready = {
      circuitId: id,
      name: text(name),
      backend: text(backend),
      promisedMs: numberOf(promisedMs),
      failure: null,
    };
    return { circuits: put(status.circuits, id, { ...ready, typicalMs: numberOf(typicalMs) }) };
  },
  circuitFailed: (status, event) => {
    const id = String(event.circuitId ?? '');
    const known = status.circuits[id] ?? {
      circuitId: id,
      name: null,
      backend: null,
      promisedMs: null,
      typicalMs: null,
    };
    const circuits = id ? put(status.circuits, id, { ...known, failure: String(event.reason) }) : status.circuits;
    return { circuits, ...notice(status, event, `a circuit is not served: ${event.reason}`) };
  },

  jobTaken: (status, event) => ({ jobs: put(status.jobs, String(event.jobId), newJob(event)) }),
  poolTaken: (status, event) => {
    return { jobs: put(status.jobs, String(event.jobId), { ...newJob(event), role: 'pool', isActive: true }) };
  },
  activated: (status, event) => withJob(status, event, () => ({ isActive: true, stage: 'queued' })),
  proofStarted: (status, event) =>
    withJob(status, event, () => ({
      ...{ stage: 'witness', progressPpm: 0, startedMs: event.atMs, isActive: true },
      dueMs: numberOf(event.dueMs),
      expectedEndMs: event.expectedMs === undefined ? null : event.atMs + Number(event.expectedMs),
    })),
  proofProgress: (status, event) =>
    withJob(status, event, () => ({
      stage: String(event.stage),
      progressPpm: Number(event.progressPpm),
      expectedEndMs: numberOf(event.expectedEndMs),
    })),
  proofMade: (status, event) => ({
    ...withJob(status, event, () => ({ stage: 'submitting', progressPpm: 1_000_000, expectedEndMs: event.atMs })),
    ...estimated(status, event),
  }),
  proofFailed: (status, event) => ({
    ...withJob(status, event, (job) => ({ stage: 'queued', progressPpm: 0, failures: job.failures + 1 })),
    failedProofs: status.failedProofs + 1,
    ...notice(status, event, `a zkProof failed (${event.flaw ?? event.code}): ${event.reason}`),
  }),
  proofDelivered: (status, event) => ({
    ...withJob(status, event, () => ({ stage: 'delivered', progressPpm: 1_000_000 })),
    delivered: status.delivered + 1,
  }),
  zkProofInvalid: (status, event) => notice(status, event, `the market found a zkProof of ${event.jobId} invalid`),
  jobDropped: without,
  poolLeft: without,
  gaveUp: (status, event) => ({
    ...without(status, event),
    handedBack: status.handedBack + 1,
    ...notice(status, event, `handed ${event.jobId} back: ${event.reason}`),
  }),

  account: (_, { freeWei, bondedWei }) => ({ freeWei: text(freeWei), bondedWei: text(bondedWei) }),
  score: (status, event) => {
    const { onTimePpm, latencyPct, reachablePpm, flaws } = event;
    const circuitId = String(event.circuitId);
    const shares = { onTimePpm: numberOf(onTimePpm), reachablePpm: numberOf(reachablePpm) };
    const rest = { latencyPct: numberOf(latencyPct), isEligible: event.isEligible === true };
    const score = { circuitId, ...shares, ...rest, flaws: (flaws as string[] | undefined) ?? [] };
    return { scores: put(status.scores, circuitId, score) };
  },
  earned: (status, event) => {
    const wei = BigInt(String(event.amountWei));
    if (wei >= 0n) return { earnedWei: String(BigInt(status.earnedWei) + wei), paidJobs: status.paidJobs + 1 };
    const lost = { lostWei: String(BigInt(status.lostWei) - wei), lossyJobs: status.lossyJobs + 1 };
    return { ...lost, ...notice(status, event, `lost ${-wei} wei with ${event.jobId ?? event.roundId}`) };
  },

  bidPlaced: (status) => ({ bidsPlaced: status.bidsPlaced + 1 }),
  bidCommitted: (status) => ({ bidsPlaced: status.bidsPlaced + 1 }),
  bidRejected: (status, event) => lost(status, event, String(event.code)),
  bidFailed: (status, event) => lost(status, event, 'noAnswer'),
  bidNotOpened: (status, event) => lost(status, event, 'notOpened'),
  bidResult: (status, event) => {
    const code = String(event.code);
    return /^won/.test(code) ? { bidsWon: status.bidsWon + 1 } : lost(status, event, code);
  },
  skipped: (status, event) => {
    const code = String(event.code);
    const roundsSkipped = put(status.roundsSkipped, code, (status.roundsSkipped[code] ?? 0) + 1);
    return { roundsSkipped, lastLost: news(status, event, code) };
  },
};

function newJob(event: AgentEvent): JobStatus {
  const isActive = event.isActive === true;
  return {
    jobId: String(event.jobId),
    circuitId: text(event.circuitId),
    role: String(event.role ?? ''),
    isActive,
    dueMs: numberOf(event.dueMs),
    stage: isActive ? 'queued' : 'standby',
    progressPpm: 0,
    startedMs: null,
    expectedEndMs: null,
    failures: 0,
  };
}

function withJob(
  { jobs }: AgentStatus,
  event: AgentEvent,
  change: (job: JobStatus) => Partial<JobStatus>,
): Partial<AgentStatus> {
  const job = jobs[String(event.jobId)];
  return job ? { jobs: { ...jobs, [job.jobId]: { ...job, ...change(job) } } } : {};
}

function without({ jobs }: AgentStatus, event: AgentEvent): Partial<AgentStatus> {
  const { [String(event.jobId)]: _, ...rest } = jobs;
  return { jobs: rest };
}

function estimated(status: AgentStatus, event: AgentEvent): Partial<AgentStatus> {
  const id = text(event.circuitId);
  const [promisedMs, actualMs] = [numberOf(event.promisedMs), numberOf(event.actualMs)];
  if (id === null || promisedMs === null || actualMs === null) return {};
  const before: EstimateStatus = status.estimates[id] ?? { proofs: 0, kept: 0, expectedMs: 0, actualMs: 0 };
  const estimate = {
    proofs: before.proofs + 1,
    kept: before.kept + (actualMs <= promisedMs ? 1 : 0),
    expectedMs: before.expectedMs + (numberOf(event.expectedMs) ?? actualMs),
    actualMs: before.actualMs + actualMs,
  };
  const circuit = status.circuits[id];
  const promisedNowMs = numberOf(event.promisesMs);
  const circuits =
    circuit && promisedNowMs !== null
      ? { circuits: put(status.circuits, id, { ...circuit, promisedMs: promisedNowMs }) }
      : {};
  return { estimates: put(status.estimates, id, estimate), ...circuits };
}

function lost(status: AgentStatus, event: AgentEvent, code: string): Partial<AgentStatus> {
  const bidsLost = put(status.bidsLost, code, (status.bidsLost[code] ?? 0) + 1);
  return { bidsLost, lastLost: news(status, event, code) };
}

function news({ lastLost }: AgentStatus, event: AgentEvent, code: string): AgentStatus['lastLost'] {
  const one = { atMs: event.atMs, roundId: String(event.roundId ?? ''), code, text: tellBid(event) };
  return [one, ...lastLost].slice(0, NEWS_MAX);
}

function notice({ notices }: AgentStatus, { atMs }: AgentEvent, told: string): Pick<AgentStatus, 'notices'> {
  // The same trouble again and again is one piece of news.
  const others = notices.filter(({ text: before }) => before !== told);
  return { notices: [{ atMs, text: told }, ...others].slice(0, NEWS_MAX) };
}

function put<Value>(kept: Readonly<Record<string, Value>>, key: string, value: Value): Record<string, Value> {
  if (!Object.hasOwn(kept, key) && Object.keys(kept).length >= KEYS_MAX) return { ...kept };
  return { ...kept, [key]: value };
}

function text(value: unknown): string | null {
  return value === undefined || value === null ? null : String(value);
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
