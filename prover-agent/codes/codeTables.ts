import { REJECTIONS, type RejectionCode } from '#protocol/rejections.js';
import { ROUTES, type RouteName } from '#protocol/routes.js';
import { INELIGIBLE_CODES, PASSED_BY_CODES, POOL_SKIP_CODES, RESULT_CODES, SKIP_CODES } from './biddingCodes.js';
import type { CodeAdvice } from './codeAdvice.js';
import { EVENT_CODES, FLAW_CODES, GIVE_UP_CODES } from './provingCodes.js';

/** The routes whose noes an agent may see. */
const ROUTES_USED: readonly RouteName[] = [
  'registerProver',
  'logIn',
  'announceAgent',
  'placeBid',
  'commitBid',
  'openBid',
  'getJobInput',
  'submitProof',
  'giveUp',
  'beat',
  'requestChallenge',
  'submitChallenge',
  'commitToPool',
];

/** Codes that are met in one place. */
export interface CodeTable {
  /** Where the log has them. */
  where: string;
  title: string;
  codes: Readonly<Record<string, CodeAdvice>>;
}

/** What only the operator can put right; the rest the agent sees to by itself. */
const OPERATOR_CAN: Partial<Record<RejectionCode, string>> = {
  keyInUse: 'stop the other, give one a key of its own, or start this one with `--take-over`',
  insufficientFunds: 'deposit more; `agent doctor` says how much',
  messageFromFuture: 'restart the agent: it reads the coordinator’s clock anew',
  notEligible: 'see the detail: score, owner or challenge',
  ownerSignatureMissing: 'run `understudy agent authorize`',
  proverOwned: 'set `key.owner` to the owner in the detail, or take a new key',
  roundFull: 'nothing: bid earlier, if it comes often',
  tooManyInvalid: 'turn `proving.self_check` on; check backend and memory',
  tooManyRequests: 'ask the market’s operator for a higher limit for this address',
  badSignature: 'check that the settings name the right market and key',
};
const AGENT_SEES = 'nothing: the agent acts on it; update the agent if it comes often';

function rejectionCodes(): Record<string, CodeAdvice> {
  const codes = new Set<RejectionCode>(
    ROUTES_USED.flatMap((name): readonly RejectionCode[] => ROUTES[name].rejections),
  );
  return Object.fromEntries(
    [...codes, 'tooManyRequests' as const]
      .toSorted()
      .map((code): [string, CodeAdvice] => [code, [REJECTIONS[code][1], OPERATOR_CAN[code] ?? AGENT_SEES]]),
  );
}

/** Every code of every skip and failure, with what to do: the page CODES.md and `agent codes` are made from this. */
export const CODE_TABLES: readonly CodeTable[] = [
  { where: '`skipped`', title: 'No bid', codes: SKIP_CODES },
  { where: '`bidResult`', title: 'A bid’s result', codes: RESULT_CODES },
  { where: '`why` of `ineligible`', title: 'Not eligible', codes: INELIGIBLE_CODES },
  { where: '`poolSkipped`', title: 'A pooled job left to others', codes: POOL_SKIP_CODES },
  { where: '`circuitPassedBy`', title: 'A circuit that is not served', codes: PASSED_BY_CODES },
  { where: '`flaw` of `proofFailed`', title: 'A zkProof that failed', codes: FLAW_CODES },
  { where: '`reason` of `gaveUp`', title: 'A job handed back', codes: GIVE_UP_CODES },
  { where: 'event', title: 'Events that mean trouble', codes: EVENT_CODES },
  {
    where: '`bidRejected`, `deliveryRefused`, and the last words of a start',
    title: 'The market says no',
    codes: rejectionCodes(),
  },
];

/** All tables as the page CODES.md. */
export function codesPage(): string {
  const tables = CODE_TABLES.map(({ where, title, codes }) => {
    const rows = Object.entries(codes).map(([code, [means, toDo]]) => `| \`${code}\` | ${means} | ${toDo} |`);
    return `## ${title}\n\nIn the log: ${where}.\n\n| code | means | what to do |\n|---|---|---|\n${rows.join('\n')}`;
  });
  return `# Troubleshooting by code

Every skip and every failure in an agent's log has a code. \`npx understudy agent codes\` prints this page,
\`npx understudy agent codes noBond\` one code.

${tables.join('\n\n')}
`;
}
