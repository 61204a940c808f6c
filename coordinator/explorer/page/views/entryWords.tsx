import type { ComponentChildren } from 'preact';
import { BlockLink, JobLink, ProverLink, RequesterLink, RoundLink } from '../parts/links.js';
import { formatMoney } from '../parts/money.js';
import { inWords } from '../parts/words.js';

/** The fields that entries are told by; none of them is sure to be there, because the entry was not checked yet. */
interface Fields {
  type: string;
  blockId?: unknown;
  roundId?: unknown;
  jobId?: unknown;
  prover?: unknown;
  account?: unknown;
  amountWei?: unknown;
  role?: unknown;
  reason?: unknown;
  cause?: unknown;
  code?: unknown;
  proven?: unknown;
  expired?: unknown;
  awards?: unknown;
  bids?: unknown;
  message?: Record<string, unknown>;
}

const isId = (value: unknown, shape: RegExp): value is string => typeof value === 'string' && shape.test(value);

/** What an entry is about, with links, whatever its type. */
export function EntryWords({ entry }: { entry: { type: string } }) {
  const fields = entry as Fields;
  const message = fields.message ?? {};
  const parts: [string, ComponentChildren][] = [];
  const blockId = fields.blockId ?? message.blockId;
  const roundId = fields.roundId ?? message.roundId;
  const jobId = fields.jobId ?? message.jobId;
  const prover = fields.prover ?? message.prover;
  if (isId(blockId, /^0x[0-9a-f]{64}$/)) parts.push(['block', <BlockLink blockId={blockId} {...labelOf(message)} />]);
  if (isId(roundId, /^0x[0-9a-f]{64}\.r\d+$/)) {
    if (!blockId) parts.push(['block', <BlockLink blockId={roundId.slice(0, 66)} />]);
    parts.push(['round', <RoundLink roundId={roundId} />]);
  }
  if (isId(jobId, /^0x[0-9a-f]{64}\.\d+$/)) {
    parts.push(['block', <BlockLink blockId={jobId.slice(0, 66)} />], ['job', <JobLink jobId={jobId} />]);
  }
  if (isId(prover, /^0x[0-9a-f]{40}$/)) {
    parts.push([typeof fields.role === 'string' ? fields.role : 'prover', <ProverLink address={prover} />]);
  }
  if (isId(message.requester, /^0x[0-9a-f]{40}$/)) parts.push(['from', <RequesterLink address={message.requester} />]);
  if (isId(fields.account, /^0x[0-9a-f]{40}$/)) parts.push(['to', <RequesterLink address={fields.account} />]);
  if (isId(fields.amountWei, /^\d{1,61}$/)) parts.push(['', formatMoney(fields.amountWei)]);
  if (Array.isArray(fields.bids)) parts.push(['', `${fields.bids.length} bids`]);
  if (Array.isArray(fields.awards)) parts.push(['', `${fields.awards.length} jobs sold`]);
  if (typeof fields.proven === 'number') parts.push(['', `${fields.proven} proven, ${fields.expired} expired`]);
  for (const code of [fields.cause, fields.reason, message.reason, fields.code]) {
    if (typeof code === 'string') parts.push(['', inWords(code)]);
  }
  return (
    <>
      {parts.map(([name, what], at) => (
        <span key={at}>
          {at > 0 && ', '}
          {name && <span class="quiet">{name} </span>}
          {what}
        </span>
      ))}
    </>
  );
}

function labelOf(message: Record<string, unknown>): { label?: string } {
  return typeof message.label === 'string' ? { label: message.label } : {};
}
