import type { AgentStatus } from '#agent/status/agentStatus.js';
import type { FoundStatus } from './status.js';

/** Newest lost bids and notices that are shown. */
const NEWS_SHOWN = 5;

/** An agent's status for people, as a few lines of text. */
export function statusText(
  { prover, isRunning, file, account, accountFlaw }: FoundStatus,
  dataDir: string,
  nowMs: number,
) {
  const status = file?.status;
  const lines = [`prover    ${prover}${status?.name ? ` (${status.name})` : ''}`];
  if (!file) lines.push(`agent     has not run on ${dataDir} yet`);
  else if (!isRunning)
    lines.push(`agent     does not run; last seen ${ago(nowMs - file.writtenMs)} (${file.status.phase})`);
  else
    lines.push(`agent     ${file.status.phase}, process ${file.pid}${since(file.status, nowMs)}${link(file.status)}`);
  if (account) lines.push(`money     ${account.freeWei} wei free, ${account.bondedWei} wei in bonds`);
  else lines.push(`money     not known: ${accountFlaw}`);
  if (status && isRunning) lines.push(...workOf(status, nowMs));
  return `${lines.join('\n')}\n`;
}

function workOf(status: AgentStatus, nowMs: number): string[] {
  const { earnedWei, lostWei, bidsPlaced, bidsWon, delivered, failedProofs, handedBack } = status;
  const jobs = Object.values(status.jobs).map(({ jobId, role, stage, progressPpm, dueMs }) => {
    const due = dueMs === null ? '' : `, due in ${seconds(dueMs - nowMs)}`;
    return `job       ${jobId} as ${role}: ${stage} ${Math.round(progressPpm / 10_000)} %${due}`;
  });
  const circuits = Object.values(status.circuits).map(({ circuitId, backend, promisedMs, typicalMs, failure }) =>
    failure
      ? `circuit   ${circuitId} is not served: ${failure}`
      : `circuit   ${circuitId} by ${backend}: promises ${seconds(promisedMs)}, usually ${seconds(typicalMs)}`,
  );
  const scores = Object.values(status.scores).map(
    ({ circuitId, isEligible, onTimePpm, flaws }) =>
      `score     ${circuitId}: ${isEligible ? 'eligible' : `below the line (${flaws.join(', ')})`}${
        onTimePpm === null ? '' : `, on time ${(onTimePpm / 10_000).toFixed(1)} %`
      }`,
  );
  const news = [
    ...status.lastLost.slice(0, NEWS_SHOWN).map(({ code, text }) => `no win    ${code}: ${text}`),
    ...status.notices.slice(0, NEWS_SHOWN).map(({ atMs, text }) => `notice    ${ago(nowMs - atMs)}: ${text}`),
  ];
  return [
    `this run  earned ${earnedWei} wei, lost ${lostWei} wei; ${bidsPlaced} bids, ${bidsWon} won`,
    `          ${delivered} delivered, ${failedProofs} attempts failed, ${handedBack} handed back`,
    ...[...circuits, ...scores, ...jobs, ...news],
  ];
}

const since = ({ startedMs }: AgentStatus, nowMs: number) =>
  startedMs === null ? '' : `, for ${ago(nowMs - startedMs).replace(' ago', '')}`;
const link = ({ isConnected, coordinator }: AgentStatus) =>
  isConnected ? `, follows ${coordinator}` : `, has no feed from ${coordinator}`;

function seconds(ms: number | null): string {
  return ms === null ? 'not known' : `${(ms / 1_000).toFixed(1)} s`;
}

function ago(ms: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
  ] as const;
  const [unitMs, name] = units.find(([unitMs]) => ms >= 2 * unitMs) ?? [1_000, 's'];
  return `${Math.max(0, Math.floor(ms / unitMs))} ${name} ago`;
}
