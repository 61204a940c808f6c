import type { ComponentChildren } from 'preact';
import { entryTitle } from '../parts/entryTitles.js';
import { BlockLink, JobLink, Label, ProverLink, RequesterLink, RoundLink } from '../parts/links.js';
import { formatMoney } from '../parts/money.js';
import { clockTime, duration } from '../parts/time.js';
import { inWords } from '../parts/words.js';

/** An entry's fields, or its message's: none of them is sure to be there or of a shape, because nothing was checked. */
type Fields = Record<string, unknown>;

type Part = [name: string, what: ComponentChildren];

/** What an entry says: what happened, to whom and why, with links. */
export function EntryWords({ entry }: { entry: { type: string } }) {
  const fields = entry as Fields & { type: string };
  const message = isObject(fields.message) ? fields.message : {};
  const all = { ...message, ...fields };
  const parts = [...placeParts(all), ...partyParts(all), ...moneyParts(all), ...countParts(all), ...reasonParts(all)];
  return (
    <>
      {entryTitle(fields.type)}
      {parts.map(([name, what], at) => (
        <span key={at}>
          {at === 0 ? ': ' : ', '}
          {name && <span class="quiet">{name} </span>}
          {what}
        </span>
      ))}
    </>
  );
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isText = (value: unknown, shape: RegExp): value is string => typeof value === 'string' && shape.test(value);
const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function placeParts({ blockId, roundId, jobId, setId, label }: Fields): Part[] {
  const id = [blockId, roundId, jobId, setId].find((one) => isText(one, /^0x[0-9a-f]{64}/)) as string | undefined;
  if (id === undefined) return [];
  const parts: Part[] = [
    ['block', <BlockLink blockId={id.slice(0, 66)} label={typeof label === 'string' ? label : undefined} />],
  ];
  if (isText(roundId, /^0x[0-9a-f]{64}\.r\d{1,5}$/)) parts.push(['round', <RoundLink roundId={roundId} />]);
  if (isText(jobId, /^0x[0-9a-f]{64}\.\d{1,5}$/)) parts.push(['job', <JobLink jobId={jobId} />]);
  return parts;
}

function partyParts({ prover, role, requester, account, name, origin, next }: Fields): Part[] {
  const address = /^0x[0-9a-f]{40}$/;
  const parts: Part[] = [];
  if (typeof name === 'string') parts.push(['', <Label text={name} />]);
  if (typeof origin === 'string') parts.push(['', <Label text={origin} />]);
  if (isObject(next) && typeof next.origin === 'string') parts.push(['for', <Label text={next.origin} />]);
  if (isText(prover, address)) {
    parts.push([typeof role === 'string' ? inWords(role) : 'prover', <ProverLink address={prover} />]);
  }
  if (isText(requester, address)) parts.push(['from', <RequesterLink address={requester} />]);
  if (isText(account, address)) parts.push(['to', <RequesterLink address={account} />]);
  return parts;
}

function moneyParts({ type, amountWei, priceWei, fromWei, toWei, sumWei, totalWei }: Fields): Part[] {
  const amount = /^\d{1,61}$/;
  const whole = amountWei ?? totalWei ?? sumWei;
  if (isText(whole, amount)) return [['', formatMoney(whole)]];
  if (isText(fromWei, amount) && isText(toWei, amount))
    return [['', `${formatMoney(fromWei)} to ${formatMoney(toWei)}`]];
  return isText(priceWei, amount) ? [[type === 'bidOpened' ? 'to prove for' : 'for', formatMoney(priceWei)]] : [];
}

function countParts(fields: Fields): Part[] {
  const { type, jobs, jobIds, bids, awards, proven, expired, count, version, gapMs, revealsUntilMs } = fields;
  const parts: Part[] = [];
  const add = (amount: number, one: string, many = `${one}s`) =>
    parts.push(['', `${amount} ${amount === 1 ? one : many}`]);
  const held = Array.isArray(jobs) ? jobs : jobIds;
  if (Array.isArray(held)) add(held.length, 'job');
  if (Array.isArray(bids)) add(bids.length, 'bid');
  if (Array.isArray(awards)) add(awards.length, 'job sold', 'jobs sold');
  if (isTime(proven) && isTime(expired)) parts.push(['', `${proven} proven, ${expired} expired`]);
  if (isTime(count)) add(count, 'bid');
  if (isTime(version)) parts.push(['version', version]);
  if (isTime(fields.epoch)) parts.push(['epoch', fields.epoch]);
  if (isTime(fields.accounts)) add(fields.accounts, 'account');
  if (type === 'coordinatorStarted' && isTime(gapMs) && gapMs > 0) parts.push(['away for', duration(gapMs)]);
  if (isTime(revealsUntilMs)) parts.push(['to be opened until', clockTime(revealsUntilMs)]);
  return parts;
}

/** Where unsold jobs go. */
const NEXT: Record<string, string> = { round: 'to another round', pool: 'to the pool', expiry: 'to their end' };

function reasonParts({ next, reasons, cause, reason, code, excuse, satisfiable }: Fields): Part[] {
  const parts: Part[] = [];
  if (typeof next === 'string') parts.push(['', NEXT[next] ?? inWords(next)]);
  const listed = Array.isArray(reasons) ? reasons.map((one) => (isObject(one) ? one.reason : null)) : [];
  for (const one of [cause, reason, code, excuse, ...listed]) {
    if (typeof one === 'string') parts.push(['', <bdi>{inWords(one)}</bdi>]);
  }
  if (satisfiable !== undefined) {
    parts.push(['', satisfiable === null ? 'could not be tried' : satisfiable ? 'it has one' : 'it has none']);
  }
  return parts;
}
