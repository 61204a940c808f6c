import type { AgentSign } from '#protocol/agentRoutes.js';
import { createClient } from '#protocol/client.js';
import { repeatUntilDone } from '../backoff.js';
import { type AgentLog, messageOf } from '../log.js';
import type { Account } from './account.js';
import { CoordinatorClock, isUnreachable, Session } from './session.js';

/** Longest wait for an answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 15_000;

/** A machine's clock that differs by more from the coordinator's is told, in milliseconds. */
const CLOCK_DIFFERS_MS = 30_000;

/** Largest answer that is read, in bytes: far above the longest list that an agent asks for. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Reaches a coordinator, however long that takes, and reads which market it runs and what its clock says.
 * @throws only when aborted, or when the coordinator refuses
 */
export async function openSession(options: {
  baseUrl: string;
  account: Account;
  log: AgentLog;
  signal: AbortSignal;
  fetch?: typeof fetch;
  agent?: AgentSign;
}): Promise<Session> {
  const { baseUrl, account, log, signal, agent = null } = options;
  const client = createClient({
    baseUrl,
    fetch: options.fetch ?? fetch,
    timeoutMs: ANSWER_TIMEOUT_MS,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  const clock = new CoordinatorClock();
  const market = await repeatUntilDone(
    async () => {
      const sentMs = clock.localMs();
      const view = await client.call('getMarket', {});
      clock.set(view.nowMs, sentMs);
      return view;
    },
    {
      isWorthRepeating: isUnreachable,
      onFailure: (error, attempt) => log('coordinatorUnreachable', { attempt, reason: messageOf(error) }),
      signal,
    },
  );
  // All times are reckoned by the coordinator's clock, so nothing is lost; but logs of the machine would mislead.
  const aheadMs = clock.localMs() - clock.nowMs();
  if (Math.abs(aheadMs) > CLOCK_DIFFERS_MS) log('clockDiffers', { aheadMs });
  return new Session({ client, account, market, clock, agent });
}
