import { stat } from 'node:fs/promises';
import type { Circuit } from '#market/state.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { RouteRequest } from '#protocol/routeCalls.js';
import type { Address } from '#protocol/units.js';
import type { ApiDeps } from '../apiDeps.js';
import { sendArtifact } from '../artifact.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { Refused, refuse, refuseField } from '../refused.js';

type CircuitRoutes = 'listCircuits' | 'getCircuit' | 'registerCircuit' | 'getArtifact' | 'getUpload' | 'uploadArtifact';

/** Circuits and their artifacts. */
export function circuitHandlers(deps: ApiDeps, reads: MarketReads, commands: Commands): Handlers<CircuitRoutes> {
  return {
    listCircuits: async () => ({ circuits: await reads.circuits() }),

    getCircuit: async ({ params }) =>
      (await reads.circuit(params.circuitId)) ?? refuse('unknownCircuit', `${params.circuitId} is not registered`),

    registerCircuit: async ({ body }) => {
      const { message, signature } = body;
      const flaw = bodyFlaw(body);
      if (flaw) return flaw;
      const isKnown = deps.journal.state().circuits.has(message.circuitId);
      const no = isKnown ? refuse('circuitExists', `its id is ${message.circuitId}`) : null;
      const checked = await commands.check('CircuitRegistration', { message, signature }, message.registrant, no);
      if (checked instanceof Refused) return checked;
      const circuit = await checkedCircuit(deps, body);
      if (circuit instanceof Refused) return circuit;
      await deps.shelf.keepSamples(body.samples.map((input) => ({ inputHash: contentHashOf(input), input })));
      const registration = { message, signature };
      return await commands.execute({ kind: 'registerCircuit', circuit, registration }, checked.digest);
    },

    getUpload: async ({ params }, { account }) => deps.shelf.received(account, params.sha256),

    uploadArtifact: async ({ params, body: { bytes, offset, piece } }, { account }) => {
      // What anybody with a fresh key may fill, somebody will.
      if (!(await hasMoney(deps, reads, account)))
        return refuse('insufficientFunds', 'an upload needs some free money');
      const content = Buffer.from(piece, 'base64');
      return await deps.shelf.append(account, params.sha256, { bytes, offset, piece: content });
    },

    getArtifact: async ({ params }, { request, reply }) => {
      const path = deps.shelf.pathOf(params.sha256);
      return path === null ? refuse('notFound') : await sendArtifact(path, params.sha256, request, reply);
    },
  };
}

type RegistrationBody = RouteRequest<'registerCircuit'>['body'];

/** What does not go together within the body. */
function bodyFlaw({ message, wasm, zkey, samples }: RegistrationBody): Refused | null {
  if (wasm.sha256 !== message.wasmSha256) return refuseField('/wasm/sha256', 'is not the hash that was signed');
  if (zkey.sha256 !== message.zkeySha256) return refuseField('/zkey/sha256', 'is not the hash that was signed');
  const samplesHash = contentHashOf(samples.map((input) => contentHashOf(input)));
  return samplesHash === message.samplesHash ? null : refuseField('/samples', 'are not those that were signed');
}

/** Files that are not here, or of another size than it is said. */
async function filesFlaw({ shelf }: ApiDeps, body: RegistrationBody): Promise<Refused | null> {
  for (const name of ['wasm', 'zkey'] as const) {
    const { sha256, bytes } = body[name];
    const path = shelf.pathOf(sha256);
    if (path === null) return refuse('artifactMissing', `the ${name} ${sha256} was not uploaded`);
    const { size } = await stat(path);
    if (size !== bytes) return refuseField(`/${name}/bytes`, `the file has ${size}`);
  }
  return null;
}

/** The circuit, when its verification key is safe, and its files belong to it. */
async function checkedCircuit(deps: ApiDeps, body: RegistrationBody): Promise<Circuit | Refused> {
  const { message, protocol, wasm, zkey } = body;
  const key = await deps.verifier.checkVerificationKey(body.verificationKey);
  if (!key.ok) return refuse('invalidVerificationKey', `${key.code}: ${key.detail}`);
  if (key.protocol !== protocol) return refuse('invalidVerificationKey', `the key is one of ${key.protocol}`);
  if (key.circuitId !== message.circuitId) {
    return refuse('invalidVerificationKey', `the id of the key is ${key.circuitId}, not the one that was signed`);
  }
  const missing = await filesFlaw(deps, body);
  if (missing) return missing;
  const files = await deps.circuitChecker.checkFiles({
    asker: message.registrant,
    circuitId: key.circuitId,
    signalCount: key.nPublic,
    wasmSha256: wasm.sha256,
    zkeySha256: zkey.sha256,
    samples: body.samples,
  });
  if (!files.ok) return refuse(files.code, files.detail);
  return {
    circuitId: key.circuitId,
    name: message.name,
    // Transfers are cut by the coordinator's own rules, so only the market itself brings circuits for them.
    kind: 'generic',
    protocol,
    signalCount: key.nPublic,
    verificationKey: key.verificationKey as unknown as Circuit['verificationKey'],
    wasm,
    zkey,
    samples: files.samples,
  };
}

/** True when an account holds any free money, by what this process knows or, failing that, by the tables. */
async function hasMoney({ journal }: ApiDeps, reads: MarketReads, account: Address): Promise<boolean> {
  const known = journal.state().balances.get(`account:${account}`) ?? 0n;
  return known > 0n || (await reads.freeWei(account)) > 0n;
}
