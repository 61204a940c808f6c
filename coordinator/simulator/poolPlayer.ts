/** How a simulated prover takes part in the pool: proves, commits, shows what it has committed to, or cheats. */
import { contentHashOf } from '#protocol/contentHash.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';
import type { Character } from './character.js';
import type { Party, PartyCommand } from './party.js';
import type { World } from './world.js';

/** How long after its deadline a message for a job is still sent, in milliseconds. */
const LATE_MS = 2_000;

/** How long a prover that fears for its work may hesitate to show it, in milliseconds. */
const HESITATES_MS_MAX = 9_000;

export interface PoolPlayerOptions {
  world: World;
  party: Party;
  character: Character;
  /** Names the place of the draws. */
  place: string;
  send(command: PartyCommand, untilMs: number, onLost?: () => void, onOk?: () => void): void;
  later(ms: number, happen: () => void): void;
}

interface Facts {
  deadlineMs: number;
  publicSignals: string[];
}

/** Something that it could submit. */
interface Content {
  publicSignals: string[];
  zkProof: Record<string, unknown>;
}

export class PoolPlayer {
  private readonly options: PoolPlayerOptions;
  private readonly world: World;
  private readonly facts = new Map<string, Facts>();
  /** Pooled jobs that have not ended, as far as it has heard. */
  private readonly open = new Set<string>();
  private serial = 0;

  constructor(options: PoolPlayerOptions) {
    this.options = options;
    this.world = options.world;
  }

  private chance(what: string, percent: number): boolean {
    return this.world.fate.chance(`${this.options.place} pool ${what}`, percent);
  }

  private between(what: string, min: number, max: number): number {
    return this.world.fate.between(`${this.options.place} pool ${what}`, min, max);
  }

  /** Takes an entry of the feed. */
  read(entry: Entry): void {
    switch (entry.type) {
      case 'blockSubmitted':
        for (const { jobId, publicSignals } of entry.jobs) {
          this.facts.set(jobId, { deadlineMs: entry.message.deadlineMs, publicSignals });
        }
        break;
      case 'roundOpened':
        for (const jobId of entry.jobIds) {
          const facts = this.facts.get(jobId);
          if (facts) facts.deadlineMs = entry.deadlineMs;
        }
        break;
      case 'poolOpened':
        this.open.add(entry.jobId);
        this.consider(entry.jobId);
        break;
      case 'proofReceived':
        this.steal(entry);
        break;
      case 'proofAccepted':
      case 'jobExpired':
        this.open.delete(entry.jobId);
        break;
    }
  }

  private consider(jobId: string): void {
    const { bidPercent, provingMs, cheatPercent } = this.options.character;
    const facts = this.facts.get(jobId);
    if (!facts || !this.chance('takes part', bidPercent)) return;
    this.options.later(this.between('proves', Math.ceil(provingMs / 2), provingMs * 2), () => {
      if (!this.open.has(jobId)) return;
      const cheats = this.chance('cheats', cheatPercent);
      if (!cheats && this.world.unprovable.has(jobId)) return;
      this.serial += 1;
      const { address: by } = this.options.party;
      const zkProof = { truth: cheats ? 'invalid' : 'valid', by, serial: `pool ${this.serial}` };
      this.commit(jobId, { publicSignals: facts.publicSignals, zkProof }, facts, cheats ? 'cheat' : 'honest');
      // One commitment at a time is all that a prover may have.
      if (this.chance('again', 10)) this.consider(jobId);
    });
  }

  /** Commits under its own name to what another has shown. */
  private steal({ message, publicSignals, zkProof }: EntryOf<'proofReceived'>): void {
    const { jobId, prover } = message;
    const facts = this.facts.get(jobId);
    const isOthers = prover !== this.options.party.address;
    if (!facts || !isOthers || !this.open.has(jobId) || !this.chance('steals', this.options.character.stealPercent))
      return;
    this.world.note('behaviour: committed to a stolen zkProof');
    const copy = this.chance('re-randomises', 50) ? { ...zkProof, salt: 'other bytes, same truth' } : zkProof;
    this.commit(jobId, { publicSignals, zkProof: copy }, facts, 'thief');
  }

  private commit(jobId: string, content: Content, { deadlineMs }: Facts, as: 'honest' | 'cheat' | 'thief'): void {
    const { party, send, later, character } = this.options;
    const contentHash = contentHashOf(content);
    const message = { jobId, prover: party.address, commitment: poolCommitmentOf(contentHash, party.address, jobId) };
    const { digest, signature } = party.sign('PoolCommit', message);
    const isSilent = character.openPercent < 100 && !this.chance('shows', character.openPercent);
    const isHasty = character.kind === 'cheating' && this.chance('hurries', 20);
    const show = () => this.show(jobId, contentHash, content, deadlineMs, as === 'honest' && !isSilent);
    const onOk = () => {
      if (isSilent) this.world.note('behaviour: committed and showed nothing');
      else if (as !== 'honest' && this.chance('hesitates', 30)) later(this.between('late', 0, HESITATES_MS_MAX), show);
      else show();
    };
    send({ kind: 'commitToPool', message, signature, digest }, deadlineMs + LATE_MS, undefined, onOk);
    if (isHasty) show();
  }

  private show(
    jobId: string,
    contentHash: ReturnType<typeof contentHashOf>,
    { publicSignals, zkProof }: Content,
    deadlineMs: number,
    isHonest: boolean,
  ): void {
    const { party, send } = this.options;
    const message = { jobId, prover: party.address, contentHash };
    const { digest, signature } = party.sign('ProofSubmission', message);
    const commitment = poolCommitmentOf(contentHash, party.address, jobId);
    const shown = { atMs: this.world.timeline.nowMs, prover: party.address, lost: false };
    if (isHonest) this.world.shown.set(commitment, shown);
    send({ kind: 'submitProof', message, signature, digest, publicSignals, zkProof }, deadlineMs + LATE_MS, () => {
      shown.lost = true;
    });
  }
}
