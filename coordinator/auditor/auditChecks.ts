/** The checks of an audit: their names, what each one counts, and what it says when it has failed. */

/** Every check, in the order of the report: what it counts, and what it means. README.md explains each. */
export const AUDIT_CHECKS = {
  checkpoint: ['signed checkpoints', 'the checkpoint is signed by the key that the log names'],
  cosignatures: ['cosignatures', 'third parties have signed the same checkpoint'],
  consistency: ['earlier checkpoints', 'the log goes on from what this auditor has seen before'],
  tree: ['leaves', 'the entries make the root hash that is signed'],
  links: ['links of logs', 'each log follows the one before as that one ended, and as its key has signed'],
  schema: ['entries', 'every entry has its shape and its one canonical text'],
  signatures: ['signatures', 'who is said to have signed has signed, and ids are the digests that they claim to be'],
  timeWindows: ['timed commands', 'time never runs back, and commands came within their windows'],
  bids: ['bids', 'bids were neither dropped, added, altered, reordered nor taken late'],
  receipts: ['receipts', 'bids whose receipts are shown are in the log'],
  rounds: ['rounds', 'winner, backup, price and explanations follow from the bids'],
  escalations: ['escalations', 'unsold jobs went where their requester said, and the log says so'],
  zkProofs: ['zkProofs', 'each verdict is that of the verification key on the signals of the job'],
  payments: ['postings', 'who was paid, how much and why is what the rules say'],
  slashes: ['bonds', 'bonds were taken from those at fault, and from nobody else'],
  conservation: ['ledger accounts', 'no money was made or lost, and no account was overdrawn'],
  scores: ['outcomes', 'chances of a miss and eligibility follow from what provers did'],
  parameters: ['versions', 'the parameters in force were set in the log before they were used'],
  rules: ['commands', 'every other entry is what the rules make of the command behind it'],
} as const satisfies Record<string, readonly [counts: string, means: string]>;

export type AuditCheckName = keyof typeof AUDIT_CHECKS;

/** One thing that a check has found wrong. */
export interface AuditFlaw {
  check: AuditCheckName;
  /** Index of the entry; null when it is about none. */
  index: number | null;
  /** Entry, what the rules say, what the log says: a sentence. */
  sentence: string;
}

/** What a check has looked at. */
export interface AuditTally {
  check: AuditCheckName;
  counts: string;
  means: string;
  checked: number;
  flaws: number;
}

/** Flaws kept in full: of a log that is wrong everywhere the first ones are enough. */
const FLAWS_KEPT = 100;

/** Counts what every check has looked at and found. */
export class AuditTallies {
  /** The first flaws, in the order in which they were found. */
  readonly flaws: AuditFlaw[] = [];
  private readonly checked = new Map<AuditCheckName, number>();
  private readonly failed = new Map<AuditCheckName, number>();

  count(check: AuditCheckName, by = 1): void {
    this.checked.set(check, (this.checked.get(check) ?? 0) + by);
  }

  /** Sets a count that is known as a whole. */
  set(check: AuditCheckName, to: number): void {
    this.checked.set(check, to);
  }

  fail(check: AuditCheckName, index: number | null, sentence: string): void {
    this.failed.set(check, (this.failed.get(check) ?? 0) + 1);
    if (this.flaws.length < FLAWS_KEPT) this.flaws.push({ check, index, sentence });
  }

  get isGood(): boolean {
    return this.failed.size === 0;
  }

  /** The flaw that stands first in the log; those about no entry come last. */
  get first(): AuditFlaw | null {
    const place = ({ index }: AuditFlaw) => index ?? Number.POSITIVE_INFINITY;
    return this.flaws.toSorted((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)))[0] ?? null;
  }

  list(): AuditTally[] {
    return (Object.keys(AUDIT_CHECKS) as AuditCheckName[]).map((check) => {
      const [counts, means] = AUDIT_CHECKS[check];
      return { check, counts, means, checked: this.checked.get(check) ?? 0, flaws: this.failed.get(check) ?? 0 };
    });
  }
}
