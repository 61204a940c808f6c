/** The ways in which a coordinator could bend an honest log. */
import type { Entry, EntryOf } from '#protocol/entries.js';
import { party } from '../setup/marketDriver.js';
import { entryOf, type Log } from './honestLog.js';

/** A lie: its name, and what it makes of an honest log (bent in place, or a new one). */
export type Lie = [name: string, tell: (log: Log) => Log | undefined];

const indexOf = (log: Log, entry: Entry) => log.indexOf(entry);
/** The first ending by a zkProof from the pool, of a job that both its sides had handed back; its opening; its receipt. */
const byPool = (log: Log) => {
  const ending = log.find((entry) => entry.type === 'proofAccepted' && entry.role === 'pool');
  return ending as EntryOf<'proofAccepted'>;
};
const openingOf = (log: Log) => {
  const { jobId } = byPool(log);
  return log.find((entry) => entry.type === 'poolOpened' && entry.jobId === jobId) as EntryOf<'poolOpened'>;
};
const receiptOf = (log: Log) => {
  const { submissionId } = byPool(log);
  return log.find((entry) => entry.type === 'proofReceived' && entry.submissionId === submissionId)!;
};
const accepted = (log: Log, nth: number) => entryOf(log, 'proofAccepted', nth);

/** What a coordinator could gain by lying, each against the log of `honestLog`. */
export const LIES: Lie[] = [
  ['drops a bid from a clearing', (log) => void entryOf(log, 'roundCleared').bids.pop()],
  [
    'adds a bid that was never committed to',
    (log) => {
      const { bids } = entryOf(log, 'roundCleared');
      bids.push(structuredClone(bids[0]!));
    },
  ],
  [
    'alters a bid',
    (log) => {
      entryOf(log, 'roundCleared').bids[0]!.message.priceWei = '1';
    },
  ],
  ['opens another order of bids', (log) => void entryOf(log, 'roundCleared').bids.reverse()],
  [
    'takes a bid after the close, dated back',
    (log) => {
      const at = indexOf(log, entryOf(log, 'roundCleared'));
      const late = { ...entryOf(log, 'bidPlaced', 1), prover: party(12).address, commitment: `0x${'ee'.repeat(32)}` };
      return log.toSpliced(at + 1, 0, late as Entry);
    },
  ],
  [
    'brings a replaced bid back',
    (log) => {
      const again = entryOf(log, 'bidPlaced', 0);
      return log.toSpliced(indexOf(log, entryOf(log, 'bidPlaced', 1)) + 1, 0, again);
    },
  ],
  [
    'gives the job to the second cheapest',
    (log) => {
      const [award] = entryOf(log, 'roundCleared').awards;
      [award!.primary, award!.backup] = [award!.backup!, award!.primary];
    },
  ],
  [
    'raises a price and pays it',
    (log) => {
      const raise = (wei: string) => String(BigInt(wei) + 5n);
      const [award] = entryOf(log, 'roundCleared').awards;
      award!.priceWei = raise(award!.priceWei);
      const payment = accepted(log, 0).postings.find(({ why }) => why === 'price')!;
      payment.amountWei = raise(payment.amountWei);
    },
  ],
  [
    'withdraws a block that its requester has not withdrawn',
    (log) => {
      entryOf(log, 'blockWithdrawn').signature = entryOf(log, 'blockSubmitted').signature;
    },
  ],
  [
    'keeps the deposits of a withdrawn round',
    (log) => {
      const { postings } = entryOf(log, 'blockWithdrawn');
      postings[0]!.to = `account:${entryOf(log, 'blockSubmitted').message.requester}`;
    },
  ],
  [
    'lets a job of a withdrawn block go on',
    (log) => {
      const withdrawn = entryOf(log, 'blockWithdrawn');
      const kept = withdrawn.jobIds.pop();
      return log.filter((entry) => entry.type !== 'jobExpired' || entry.jobId !== kept);
    },
  ],
  [
    'chooses another tie seed',
    (log) => {
      entryOf(log, 'roundCleared').tieSeed = `0x${'12'.repeat(32)}`;
    },
  ],
  [
    'leaves a job unsold that was worth buying',
    (log) => {
      const cleared = entryOf(log, 'roundCleared', 1);
      cleared.unawarded = [{ jobId: cleared.awards.pop()!.jobId, reason: 'notWorthIt' }];
    },
  ],
  ['locks a smaller bond', (log) => void entryOf(log, 'roundCleared').postings.pop()],
  ['pays twice in one ending', (log) => void accepted(log, 0).postings.push(accepted(log, 0).postings[1]!)],
  ['pays twice in two endings', (log) => log.toSpliced(indexOf(log, accepted(log, 0)) + 1, 0, accepted(log, 0))],
  [
    'pays nobody',
    (log) => {
      accepted(log, 0).postings = [];
    },
  ],
  [
    'pays a friend',
    (log) => {
      accepted(log, 0).postings[1]!.to = `account:${party(77).address}`;
    },
  ],
  [
    'withholds the standby fee',
    (log) => {
      const ending = accepted(log, 0);
      const fee = ending.postings.find(({ why }) => why === 'standbyFee')!;
      ending.postings = ending.postings.filter((one) => one !== fee);
      const refund = ending.postings.find(({ why }) => why === 'refund')!;
      refund.amountWei = String(BigInt(refund.amountWei) + BigInt(fee.amountWei));
    },
  ],
  [
    'slashes a backup that was never called',
    (log) => {
      const bond = accepted(log, 0).postings.findLast(({ why }) => why === 'bondReleased')!;
      Object.assign(bond, { why: 'slashToRequester', to: `account:${party(1).address}` });
    },
  ],
  [
    'slashes whom downtime excuses',
    (log) => {
      const ending = entryOf(log, 'jobExpired', 1);
      ending.excused = [];
      for (const one of ending.postings) if (one.why === 'bondReleased') one.why = 'slashToRequester';
    },
  ],
  [
    'excuses a friend',
    (log) => {
      const ending = entryOf(log, 'jobExpired', 0);
      ending.excused = [party(10).address];
      const slash = ending.postings[0]!;
      Object.assign(slash, { why: 'bondReleased', to: `account:${party(10).address}` });
    },
  ],
  ['forgets who was excused', (log) => void entryOf(log, 'jobExpired', 1).excused.pop()],
  [
    'accepts an invalid zkProof',
    (log) => {
      const rejected = entryOf(log, 'proofRejected');
      const { jobId, prover, role, submissionId, atMs } = rejected;
      const { postings } = accepted(log, 3);
      const lie = { type: 'proofAccepted', atMs, jobId, prover, role, submissionId, postings };
      return log.with(indexOf(log, rejected), lie as Entry);
    },
  ],
  [
    'rejects a valid zkProof',
    (log) => {
      const { jobId, prover, role, submissionId, atMs } = accepted(log, 0);
      const lie = { type: 'proofRejected', atMs, jobId, prover, role, submissionId, code: 'pairingFailed' };
      return log.with(indexOf(log, accepted(log, 0)), lie as Entry);
    },
  ],
  ['drops a verdict and ends the job otherwise', (log) => log.filter((entry) => entry !== accepted(log, 1))],
  ['drops an activation by a give-up', (log) => log.filter((entry) => entry !== entryOf(log, 'backupActivated', 0))],
  ['drops an activation at the start', (log) => log.filter((entry) => entry !== entryOf(log, 'backupActivated', 3))],
  [
    'calls the backup before its time',
    (log) => {
      const early = { ...entryOf(log, 'backupActivated', 3), atMs: accepted(log, 0).atMs };
      return log.toSpliced(indexOf(log, accepted(log, 0)) + 1, 0, early);
    },
  ],
  [
    'declares a lease missed before it ended',
    (log) => {
      entryOf(log, 'leaseMissed').lastSeenMs += 5_000;
    },
  ],
  [
    'ends a job before its deadline',
    (log) => {
      const early = { ...entryOf(log, 'jobExpired', 0), atMs: accepted(log, 4).atMs };
      return log.with(indexOf(log, entryOf(log, 'jobExpired', 0)), early);
    },
  ],
  [
    'invents downtime',
    (log) => {
      entryOf(log, 'coordinatorStarted', 0).gapMs = 5_000;
    },
  ],
  [
    'dates an entry before the one before it',
    (log) => {
      entryOf(log, 'roundCleared').atMs -= 10_000;
    },
  ],
  [
    'swaps receipt and verdict',
    (log) => {
      const at = indexOf(log, accepted(log, 0));
      return log.toSpliced(at - 1, 2, log[at]!, log[at - 1]!);
    },
  ],
  [
    'excuses a friend that never asked for its input',
    (log) => {
      entryOf(log, 'gaveUp', 0).excuse = 'inputNotServed';
    },
  ],
  ['hides that it did not serve an input', (log) => log.filter((entry) => entry !== entryOf(log, 'inputRefused', 0))],
  [
    'ends a job as unprovable that nobody complained of',
    (log) => {
      const checked = { ...entryOf(log, 'witnessChecked'), jobId: entryOf(log, 'inputRefused', 0).jobId };
      return log.toSpliced(indexOf(log, entryOf(log, 'witnessChecked')), 1, checked);
    },
  ],
  [
    'calls a backup for a miss that was not expected',
    (log) => {
      const called = log.find((entry) => entry.type === 'backupActivated' && entry.cause === 'predictedMiss');
      (called as { expectedEndMs: number }).expectedEndMs -= 60_000;
    },
  ],
  ['does not begin with the market', (log) => log.toSpliced(0, 2, log[1]!, log[0]!)],
  ['ends in the middle of an answer', (log) => log.slice(0, -1)],
  [
    'changes a parameter without a word',
    (log) => {
      entryOf(log, 'marketOpened').parameters.lateBps = 5_000;
    },
  ],
  [
    'sets a version of the parameters that is not the next',
    (log) => {
      const { parameters, atMs } = entryOf(log, 'marketOpened');
      return log.toSpliced(2, 0, { type: 'parametersSet', atMs, version: 3, parameters, reason: 'because' });
    },
  ],
  [
    'moves a prover under another owner',
    (log) => {
      entryOf(log, 'proverRegistered', 0).message.owner = party(20).address;
    },
  ],
  [
    'credits more than was deposited',
    (log) => {
      entryOf(log, 'deposited').postings[0]!.amountWei += '0';
    },
  ],
  [
    'lets a later commitment to the pool go first',
    (log) => {
      const [early, late] = [entryOf(log, 'poolCommitted', 0), entryOf(log, 'poolCommitted', 1)];
      const [first, second] = [indexOf(log, early), indexOf(log, late)];
      return log.with(first, { ...late, atMs: early.atMs }).with(second, { ...early, atMs: late.atMs });
    },
  ],
  [
    'pays a later commitment while an earlier one waits',
    (log) => {
      const ending = byPool(log);
      const early = { ...ending, atMs: receiptOf(log).atMs };
      return log.with(indexOf(log, ending), early);
    },
  ],
  ['forgets a commitment', (log) => log.filter((entry) => entry !== entryOf(log, 'poolCommitted', 0))],
  [
    'takes a commitment in after its zkProof was seen, dated back',
    (log) => {
      const first = entryOf(log, 'poolCommitted', 0);
      const copied = { ...first, message: { ...first.message, prover: party(14).address } };
      return log.toSpliced(indexOf(log, first), 0, copied);
    },
  ],
  [
    'raises what a commitment earns',
    (log) => {
      const one = entryOf(log, 'poolCommitted', 1);
      one.priceWei = String(BigInt(one.priceWei) + 1n);
    },
  ],
  ['blames nobody for a spent job', (log) => void openingOf(log).atFault.pop()],
  [
    'opens the pool while a side may deliver',
    (log) => {
      const opened = openingOf(log);
      const at = indexOf(log, opened);
      return log.toSpliced(at, 1).toSpliced(at - 1, 0, opened);
    },
  ],
  [
    'names another reason for unsold jobs',
    (log) => {
      entryOf(log, 'jobsEscalated').reasons[0]!.reason = 'notWorthIt';
    },
  ],
  [
    'hides how many bids there were',
    (log) => {
      entryOf(log, 'jobsEscalated').counts.bids += 1;
    },
  ],
  ['lets unsold jobs go without a word', (log) => log.filter((entry) => entry !== entryOf(log, 'jobsEscalated'))],
  ['does not complete a block', (log) => log.filter((entry) => entry !== entryOf(log, 'blockCompleted', 0))],
];
