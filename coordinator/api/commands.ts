/** What all handlers of commands share: one way into the journal, and one way to say no. */
import type { Journal, PrivateRows } from '#journal/journalPort.js';
import type { Command } from '#market/command.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import type { Rejection } from '#protocol/rejections.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Accepted } from '#protocol/views.js';
import type { HeavyWork } from './heavyWork.js';
import type { MarketReads } from './marketReads.js';
import { Refused, refuse } from './refused.js';

/** What is known of a message whose signature is in order. */
export interface CheckedMessage {
  digest: Hex;
}

/** Domain of the market's signed messages. */
export function domainOf(journal: Pick<Journal, 'state'>): SigningDomain {
  const { market } = journal.state();
  if (!market) throw new Error('the market is not open: its log has no first entry');
  return { chainId: market.chainId, coordinatorId: market.coordinatorId };
}

export class Commands {
  readonly #journal: Journal;
  readonly #reads: MarketReads;
  readonly #heavyWork: HeavyWork;

  constructor(parts: { journal: Journal; reads: MarketReads; heavyWork: HeavyWork }) {
    this.#journal = parts.journal;
    this.#reads = parts.reads;
    this.#heavyWork = parts.heavyWork;
  }

  /**
   * Checks a message's signature, after a cheap no. A message that has had its answer gets it again, whatever the
   * cheap no says by now: that is what the digest is looked up for before the no is given.
   */
  async check<Type extends MessageType>(
    type: Type,
    { message, signature }: { message: Messages[Type]; signature: Hex },
    account: Address,
    cheapNo: Refused | null,
  ): Promise<CheckedMessage | Refused> {
    if (cheapNo && !(await this.#reads.isAnswered(digestOf(domainOf(this.#journal), type, message)))) return cheapNo;
    const { digest, flaw } = await this.#heavyWork.checkSigned(type, message, signature, account);
    return flaw ? refuse(flaw) : { digest };
  }

  /** Hands a command to the journal, whose word is the last. */
  async execute(command: Command, digest: Hex, privateRows?: PrivateRows): Promise<Accepted | Refused> {
    const outcome = await this.#journal.execute(command, digest, privateRows);
    return outcome.ok ? outcome.accepted : new Refused(await this.#explained(outcome.rejection, command));
  }

  /** What the live state has forgotten, the tables still know: over is not the same as unknown. */
  async #explained(rejection: Rejection, command: Command): Promise<Rejection> {
    if (rejection.code === 'unknownRound' && 'message' in command && 'roundId' in command.message) {
      const round = await this.#reads.round(command.message.roundId);
      if (round && command.kind === 'openBid') return { code: 'revealClosed', detail: 'the round is cleared' };
      if (round) return { code: 'roundClosed', detail: `it closed at ${round.closesAtMs}` };
    }
    if (rejection.code === 'unknownJob' && 'message' in command && 'jobId' in command.message) {
      const job = await this.#reads.job(command.message.jobId);
      if (job?.status === 'ended') return { code: 'jobEnded', detail: `it ended as ${job.outcome}` };
    }
    return rejection;
  }
}
