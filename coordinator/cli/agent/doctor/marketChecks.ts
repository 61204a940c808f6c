import { messageOf } from '#agent/log.js';
import type { AgentSettings } from '#agent/settings/agentSettings.js';
import { bondMaxWei } from '#protocol/bonds.js';
import type { Address } from '#protocol/units.js';
import type { AccountView } from '#protocol/views.js';
import { type Reached, reachMarket } from '../oneAnswer.js';
import { type Check, unwell, well } from './check.js';

/** A clock that is further off than this is worth setting right, in milliseconds. */
const SKEW_MS_MAX = 2_000;
/** Blocks that say what jobs pay, newest first, and what is taken for usual before there is any, in wei. */
const BLOCKS_LOOKED_AT = 20;
const USUAL_PRICE_WEI = 10n ** 15n;

/** The market as the doctor has found it; null when it does not answer. */
export interface FoundMarket {
  reached: Reached | null;
  checks: Check[];
}

/** Asks the coordinator, and holds this machine's clock against its. */
export async function checkConnection(coordinator: string): Promise<FoundMarket> {
  try {
    const reached = await reachMarket(coordinator);
    const { market, tookMs } = reached;
    const answered = `${market.origin} at ${coordinator} answered in ${tookMs} ms, log of ${market.treeSize} entries`;
    return { reached, checks: [well('connection', answered), checkClock(reached)] };
  } catch (error) {
    const advice = 'check market.coordinator, the network, and whether the coordinator runs';
    return { reached: null, checks: [unwell('connection', messageOf(error), advice)] };
  }
}

function checkClock({ skewMs, tookMs }: Reached): Check {
  const off = `this clock is ${Math.abs(skewMs)} ms ${skewMs < 0 ? 'behind' : 'ahead of'} the coordinator's, to ${tookMs} ms`;
  if (Math.abs(skewMs) <= SKEW_MS_MAX + tookMs) return well('clock', off);
  const advice = 'set the clock by NTP; the agent goes by the coordinator’s clock, but its log is dated by this one';
  return unwell('clock', off, advice);
}

/** What the market knows of the prover: registration, score, money. */
export async function checkProver(
  { client, market }: Reached,
  prover: Address,
  settings: AgentSettings,
  canSignForOwner: boolean,
): Promise<Check[]> {
  const account = await client.call('getAccount', { params: { address: prover } });
  const { scores } = await client.call('getScores', { params: { address: prover } });
  const { blocks } = await client.call('listBlocks', { query: { limit: BLOCKS_LOOKED_AT } });
  const prices = blocks.map(({ request }) => BigInt(request.maxPriceWei)).toSorted((a, b) => (a < b ? -1 : 1));
  const usualWei = prices[prices.length >> 1] ?? USUAL_PRICE_WEI;
  const below = scores.filter(({ isEligible }) => !isEligible);
  return [
    checkRegistration(account, prover, settings, canSignForOwner),
    below.length === 0
      ? well('score', scores.length === 0 ? 'no record yet' : `above the line on ${scores.length} circuits`)
      : unwell(
          'score',
          `below the line on ${below.map(({ circuitId, flaws }) => `${circuitId} (${flaws.join(', ')})`).join(', ')}`,
          `no job is won there until old outcomes have passed; promise more time, and see GET /v1/provers/${prover}/scores`,
        ),
    checkMoney(account, bondMaxWei(usualWei, market.parameters), settings, market.faucet),
  ];
}

function checkRegistration(
  { prover: known }: AccountView,
  prover: Address,
  { owner, name }: AgentSettings,
  canSignForOwner: boolean,
): Check {
  const wanted = owner ?? known?.owner ?? prover;
  if (known?.owner === wanted) return well('registration', `registered as ${known.name}, owner ${known.owner}`);
  if (known) {
    const advice = `an owner cannot be changed: set key.owner to ${known.owner}, or take a new key`;
    return unwell('registration', `registered under ${known.owner}, the settings say ${wanted}`, advice);
  }
  if (wanted === prover || canSignForOwner)
    return well('registration', `will be registered as ${name} at the first start`);
  return unwell('registration', `the owner ${wanted} has to sign it`, 'run understudy agent authorize');
}

function checkMoney(
  account: AccountView,
  bondWei: bigint,
  { maxBondWei, coordinator }: AgentSettings,
  isDemo: boolean,
): Check {
  const [freeWei, bondedWei] = [BigInt(account.freeWei), BigInt(account.bondedWei)];
  const found = `${freeWei} wei free, ${bondedWei} in bonds; a usual job may lock ${bondWei}`;
  if (freeWei + bondedWei < bondWei) {
    const fund = `understudy account fund ${account.address} --coordinator ${coordinator}`;
    const source = isDemo ? fund : 'deposit at the market';
    return unwell('money', found, `add at least ${bondWei - freeWei - bondedWei} wei: ${source}`);
  }
  if (maxBondWei !== null && maxBondWei < bondWei) {
    return unwell(
      'money',
      `${found}; limits.max_bond_wei is ${maxBondWei}`,
      'raise limits.max_bond_wei, or no job is bid for',
    );
  }
  return well('money', found);
}
