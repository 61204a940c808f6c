/** The questions of `understudy agent init`. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { kindOfKeyFile } from '#agent/client/keyFile.js';
import { addressSchema } from '#protocol/units.js';
import type { Hardware } from './hardware.js';
import { recommendedPlan } from './hardware.js';
import type { Answers } from './init.js';
import { reachMarket } from './oneAnswer.js';
import { checkFlags } from './settingFlags.js';
import { ask, askHidden } from './terminal.js';

type Flags = Readonly<Record<string, unknown>>;

/** Where the file will be, and whether the coordinator is asked. */
interface Circumstances {
  file: string;
  offline: boolean;
}

/** Asks for whatever no flag says. Every answer is checked at once, and asked for again when it cannot be used. */
export async function askAnswers(flags: Flags, hardware: Hardware, about: Circumstances): Promise<Answers> {
  const coordinator = await askCoordinator(flags, about.offline);
  const name = await askSetting('Name that people see', 'name', hostname().slice(0, 64) || 'prover', flags);
  const key = await askKey(flags, about.file);
  const owner = await askOwner(flags);
  say(`This machine: ${hardware.model}, ${hardware.cores} cores, ${gib(hardware.memoryBytes)} of memory.`);
  const plan = recommendedPlan(hardware);
  say('Two single-threaded workers make about 1.2 times the zkProofs of one with two threads, which has each sooner.');
  const slots = await askSetting('zkProofs at once (slots)', 'slots', String(plan.slots), flags);
  const threads = await askSetting('Threads of each', 'threads', String(plan.threads), flags);
  const backends = await askBackend(flags, hardware);
  const price = await askPrice(flags);
  return { ...flags, coordinator, name, ...key, ...owner, slots, threads, ...backends, ...price };
}

const say = (text: string) => process.stderr.write(`${text}\n`);
const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

async function askCoordinator(flags: Flags, offline: boolean): Promise<string> {
  const given = flags.coordinator === undefined ? 'http://127.0.0.1:8787' : String(flags.coordinator);
  return ask('Coordinator', given, async (answer) => {
    checkFlags({ coordinator: answer });
    if (offline) return answer;
    const { market, client } = await reachMarket(answer.replace(/\/+$/, '')).catch((error: Error) => {
      throw new Error(`${error.message}. Is the address right? (--offline does not ask)`);
    });
    const { circuits } = await client.call('listCircuits', {});
    say(
      `  ${market.origin}: ${circuits.length} ${circuits.length === 1 ? 'circuit' : 'circuits'}${market.faucet ? ', demo money from a faucet' : ''}`,
    );
    return answer;
  });
}

/** Asks for one setting, unless a flag says it. */
async function askSetting(question: string, field: string, fallback: string, flags: Flags): Promise<unknown> {
  if (flags[field] !== undefined) return flags[field];
  return ask(question, fallback, (answer) => {
    checkFlags({ [field]: answer });
    return answer;
  });
}

async function askKey(flags: Flags, file: string): Promise<{ keyFile: string; newPassword?: string }> {
  say('The prover’s key: an Ethereum keystore or key file that you have, or where to make a new one.');
  const fallback = String(flags.keyFile ?? join(dirname(file), 'prover.json'));
  const keyFile = await ask('Key file', fallback, (answer) => {
    kindOfKeyFile(resolve(answer));
    return resolve(answer);
  });
  if (existsSync(keyFile)) return { keyFile };
  const newPassword = await askHidden('A password for the new key (empty: none, the file is readable by you only): ');
  if (newPassword !== '' && (await askHidden('Once more: ')) !== newPassword) {
    say('  These were different.');
    return askKey({ ...flags, keyFile }, file);
  }
  return { keyFile, newPassword };
}

async function askOwner(flags: Flags): Promise<{ owner?: string }> {
  if (flags.owner !== undefined) return {};
  say('An owner may hold several provers; its key need not be on this machine, which holds the prover’s hot key only.');
  const owner = await ask('Owner’s address, or "none" for this prover itself', 'none', (answer) => {
    if (answer === 'none') return null;
    const parsed = addressSchema.safeParse(answer);
    if (!parsed.success) throw new Error('must be 0x and 40 hexadecimal digits, or none');
    return parsed.data;
  });
  return owner ? { owner } : {};
}

async function askBackend(flags: Flags, { backends }: Hardware): Promise<{ backends?: string[] }> {
  const [found] = backends;
  if (!found || flags.backends !== undefined) return {};
  const isWanted = await askYesNo(`${found} is here: a native prover is several times faster. Use it for all circuits`);
  return isWanted ? { backends: [`*=${found}`] } : {};
}

async function askYesNo(question: string): Promise<boolean> {
  return ask(`${question}? (yes, no)`, 'yes', (answer) => {
    if (!/^(y|yes|n|no)$/i.test(answer)) throw new Error('yes or no');
    return /^y/i.test(answer);
  });
}

async function askPrice(flags: Flags): Promise<Record<string, unknown>> {
  if (flags.priceWei !== undefined || flags.pricePerSecondWei !== undefined) return {};
  say('With the default pricing you are paid what your absence would have cost: ask what the work is worth to you.');
  const model = await ask(
    'Price model: by the second, by the job, or from your costs (second, job, costs)',
    'second',
    (one) => {
      if (!['second', 'job', 'costs'].includes(one)) throw new Error('second, job or costs');
      return one;
    },
  );
  if (model === 'second') {
    return { pricePerSecondWei: await askSetting('Wei for a second', 'pricePerSecondWei', '1000000000000', {}) };
  }
  if (model === 'job') return { priceWei: await askSetting('Wei for a job', 'priceWei', '5000000000000', {}) };
  say('Costs in your own money; a second then costs what they come to. Each can be changed in the file at any time.');
  return {
    weiPerMoney: await askSetting(
      'Wei that one unit of your money (a euro, say) is worth',
      'weiPerMoney',
      '400000000000000',
      {},
    ),
    powerWatts: await askSetting('Watts that the machine draws at work beyond idle', 'powerWatts', '50', {}),
    moneyPerKwh: await askSetting('Your price of a kilowatt-hour', 'moneyPerKwh', '0.3', {}),
    hardwarePerMonth: await askSetting('What the hardware loses in worth in a month', 'hardwarePerMonth', '10', {}),
    rentPerMonth: await askSetting('Rent and connection of a month', 'rentPerMonth', '0', {}),
  };
}
