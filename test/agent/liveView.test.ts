import { describe, expect, it } from 'vitest';
import type { AgentEvent } from '#agent/status/agentStatus.js';
import { shortId, spanText, weiText } from '#agent/status/amounts.js';
import { LiveScreen } from '#agent/status/liveScreen.js';
import { statusLines } from '#agent/status/statusLines.js';
import { statusOf } from '#agent/status/statusOf.js';
import { BLOCK_ID, OTHER } from './agentFixtures.js';

const at = (atMs: number, event: string, fields: object = {}): AgentEvent => ({ atMs, event, ...fields });
const circuitId = `0x${'cc'.repeat(32)}`;
const EVENTS = [
  at(0, 'starting', { prover: OTHER, name: 'workshop', slots: 2, coordinator: 'http://127.0.0.1:1' }),
  at(1, 'circuitReady', { circuitId, name: 'transferRollup', backend: 'snarkjs', promisedMs: 4_000, typicalMs: 3_000 }),
  at(2, 'ready'),
  at(3, 'feedConnected'),
  at(4, 'account', { freeWei: '1500000000000000000', bondedWei: '20000000' }),
  at(5, 'jobTaken', { jobId: `${BLOCK_ID}.0`, role: 'backup', isActive: false, dueMs: 9_000 }),
  at(6, 'jobTaken', { jobId: `${BLOCK_ID}.1`, role: 'primary', isActive: true, dueMs: 70_000 }),
  at(7, 'proofStarted', { jobId: `${BLOCK_ID}.1`, dueMs: 70_000, expectedMs: 3_000 }),
  at(8, 'proofProgress', { jobId: `${BLOCK_ID}.1`, stage: 'proving', progressPpm: 500_000, expectedEndMs: 12_000 }),
  at(9, 'bidResult', { roundId: `${BLOCK_ID}.r0`, code: 'outbid', seat: 'primary', byWei: '3000000000' }),
  at(9, 'proofMade', { circuitId, jobId: 'x', promisedMs: 4_000, expectedMs: 3_000, actualMs: 3_300 }),
  at(9, 'earned', { jobId: 'x', amountWei: '1234567890123' }),
];
const textOf = (events: readonly AgentEvent[], nowMs: number) =>
  statusLines(statusOf(events), nowMs).map(({ text }) => text);

/** A terminal of so many columns: what stands on its lines after all that was written. */
class Terminal {
  readonly written: string[] = [];
  readonly lines: string[] = [];
  #row = 0;
  constructor(
    readonly columns: number,
    readonly rows: number,
  ) {}

  write = (text: string): boolean => {
    this.written.push(text);
    for (const [token] of text.matchAll(/\p{Cc}\[\??[0-9]*[a-zA-Z]|\r|\n|\P{Cc}+/gu)) {
      if (token === '\n') this.#row += 1;
      else if (/^\P{L}+A$/u.test(token)) this.#row -= Number(token.slice(2, -1));
      else if (token === '\x1b[J') this.lines.length = this.#row;
      else if (token === '\x1b[K' || token === '\r' || token.startsWith('\x1b')) continue;
      else this.lines[this.#row] = token;
    }
    return true;
  };
}

describe('the live view', () => {
  it('shows jobs with stage, progress and times, what is being proven first', () => {
    const lines = textOf(EVENTS, 10_000);
    expect(lines).toContain('connected, up 10.0 s, http://127.0.0.1:1');
    expect(lines).toContain('jobs    2 held, 1 of 2 slots busy, 0 delivered');
    const [running, waiting] = lines.filter((text) => text.startsWith('  0xb1b1'));
    expect(running).toMatch(/\.1 +primary +proving +\[#{10}\.{10}\] +50 % done in 2\.0 s, due in 60\.0 s$/);
    expect(waiting).toMatch(/\.0 +backup +standby +due 1\.0 s ago$/);
  });

  it('shows money, promises kept and why the last bids lost', () => {
    const lines = textOf(EVENTS, 10_000);
    expect(lines).toContain('earned  1234 gwei with 1 job');
    expect(lines).toContain('money   1.5 ETH free, 0.02 gwei in bonds');
    expect(lines).toContain('times   1 of 1 within the promise, took 110 % of what was expected');
    expect(lines.find((text) => text.includes('outbid:'))).toContain('too dear as primary by 3 gwei');
  });

  it('says what went wrong, once however often it did', () => {
    const lost = (atMs: number) => at(atMs, 'feedLost', { reason: 'socket closed' });
    const lines = textOf(
      [...EVENTS, lost(20), lost(30), at(31, 'proofFailed', { jobId: 'x', flaw: 'proverCrashed' })],
      40,
    );
    expect(lines.filter((text) => text.includes('socket closed'))).toHaveLength(1);
    expect(lines.some((text) => text.includes('proverCrashed'))).toBe(true);
    expect(lines[1]).toContain('not connected');
  });
});

describe('the screen', () => {
  const plain = (...texts: string[]) => texts.map((text) => ({ text, tone: 'plain' as const }));

  it('writes what has changed and nothing else, in place', () => {
    const terminal = new Terminal(80, 24);
    const screen = new LiveScreen(terminal, false);
    screen.show(plain('one', 'two', 'three'));
    screen.show(plain('one', 'two', 'three'));
    expect(terminal.written).toHaveLength(1);
    screen.show(plain('one', 'TWO', 'three', 'four'));
    expect(terminal.lines).toEqual(['one', 'TWO', 'three', 'four']);
    expect(terminal.written[1]).not.toContain('three');
    screen.show(plain('one'));
    expect(terminal.lines).toEqual(['one']);
    screen.end();
    expect(terminal.written.at(-1)).toBe('\x1b[?25h');
  });

  it('fits into the terminal, and obeys nothing that others have named', () => {
    const terminal = new Terminal(12, 4);
    new LiveScreen(terminal, true).show([
      { text: 'a\x1b[2Jb\nc', tone: 'bad' },
      ...plain('much longer than the line', 'x', 'not shown'),
    ]);
    expect(terminal.lines).toEqual(['a [2Jb c', 'much longe~', 'x']);
  });
});

describe('amounts and times', () => {
  it.each([
    ['0', '0 wei'],
    ['12', '12 wei'],
    ['1234567890', '1.234 gwei'],
    ['950000000000000', '0.00095 ETH'],
    ['1003800000000000000', '1.003 ETH'],
    ['-3000000000', '-3 gwei'],
    ['12345678901234567890123', '12345 ETH'],
  ])('%s wei are %s', (wei, text) => expect(weiText(wei)).toBe(text));

  it('are as long as they must be', () => {
    expect([850, 12_340, 300_000, 10_000_000, 200_000_000].map(spanText)).toEqual([
      '850 ms',
      '12.3 s',
      '5 min',
      '3 h',
      '2 days',
    ]);
    expect(shortId(`${BLOCK_ID}.r0`)).toBe('0xb1b1..b1b1.r0');
  });
});
