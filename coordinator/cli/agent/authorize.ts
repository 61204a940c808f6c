/** `understudy agent authorize`: how an owner whose key is elsewhere signs for a prover's hot key. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import {
  parseRequest,
  type RegistrationRequest,
  registrationBody,
  requestRegistration,
  signByOwner,
} from '#agent/client/registration.js';
import { ConfigError } from '#agent/config.js';
import { createClient } from '#protocol/client.js';
import type { Hex } from '#protocol/units.js';
import { openExisting, openProverAccount, secretOf } from './agentAccounts.js';
import { reachMarket, sessionOf } from './oneAnswer.js';
import { addSettingFlags, type FlagValues, settingsFrom } from './settingFlags.js';

const TIMEOUT_MS = 15_000;

const EXAMPLES = `
On the agent's machine, which holds the prover's key only:
  understudy agent authorize --config agent.toml --out registration.json
On the owner's machine, with a key file (or sign its "typedData" with any wallet):
  understudy agent authorize --request registration.json --owner-key-file owner.json --submit
With a wallet's signature:
  understudy agent authorize --request registration.json --signature 0x... --submit

The market takes a registration for ten minutes after the first step. It need not be repeated: the agent then runs
without the owner's key, which can neither be found nor used on its machine.
`;

/** The command with its flags. */
export function authorizeCommand(): Command {
  const command = new Command('understudy agent authorize')
    .description('Registers a prover under an owner whose key is on another machine, or in a wallet.')
    .option('--out <file>', 'where to write the registration, for the owner to sign', 'registration.json')
    .option('--request <file>', 'a registration to sign, or to submit')
    .option('--signature <hex>', 'the owner’s signature of the registration, from a wallet')
    .option('--submit', 'hand the signed registration to the market')
    .addHelpText('after', EXAMPLES)
    .action((values: FlagValues) => (values.request === undefined ? request(values) : sign(values)));
  return addSettingFlags(command);
}

async function request(values: FlagValues): Promise<void> {
  const settings = settingsFrom(values);
  if (!settings.owner) throw new ConfigError('give --owner, or write owner under [key]: who is to sign');
  const account = await openProverAccount(settings);
  const session = sessionOf(await reachMarket(settings.coordinator), account);
  const registration = requestRegistration(session, settings.name, settings.owner);
  const out = String(values.out);
  writeRequest(out, registration);
  process.stdout.write(`${out} is to be signed by the owner ${settings.owner} within ten minutes:
  understudy agent authorize --request ${out} --owner-key-file <file> --submit
`);
}

async function sign(values: FlagValues): Promise<void> {
  const path = String(values.request);
  let registration = parseRequest(readRequest(path));
  const { prover, name, owner } = registration.message;
  if (values.signature !== undefined) registration = signByOwner(registration, String(values.signature) as Hex);
  else if (values.ownerKeyFile !== undefined) {
    const password = () => secretOf('UNDERSTUDY_OWNER_PASSWORD', null);
    registration = signByOwner(registration, await openExisting(String(values.ownerKeyFile), password));
  } else if (!values.submit) throw new ConfigError('give --owner-key-file or --signature to sign it, or --submit');
  writeRequest(path, registration);
  if (!values.submit) {
    process.stdout.write(`${owner} has signed for prover ${prover} (${name}); now hand it in with --submit\n`);
    return;
  }
  const client = createClient({ baseUrl: registration.coordinator, fetch, timeoutMs: TIMEOUT_MS });
  await client.call('registerProver', { body: registrationBody(registration) });
  process.stdout.write(`prover ${prover} (${name}) is registered under ${owner}\n`);
}

function writeRequest(path: string, registration: RegistrationRequest): void {
  writeFileSync(path, `${JSON.stringify(registration, null, 2)}\n`);
}

function readRequest(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`the registration ${path} cannot be read: ${(error as Error).message}`);
  }
}
