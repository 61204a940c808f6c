import type { Circuit } from '#market/state.js';
import type { ApiDeps } from '../apiDeps.js';
import { sendArtifact } from '../artifact.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { Refused, refuse, refuseField } from '../refused.js';

type CircuitRoutes = 'listCircuits' | 'getCircuit' | 'registerCircuit' | 'getArtifact';

/** Circuits and their artifacts. */
export function circuitHandlers(deps: ApiDeps, reads: MarketReads, commands: Commands): Handlers<CircuitRoutes> {
  return {
    listCircuits: async () => ({ circuits: await reads.circuits() }),

    getCircuit: async ({ params }) =>
      (await reads.circuit(params.circuitId)) ?? refuse('unknownCircuit', `${params.circuitId} is not registered`),

    registerCircuit: async ({ body: { message, signature, protocol, verificationKey, wasm, zkey } }) => {
      if (wasm.sha256 !== message.wasmSha256) return refuseField('/wasm/sha256', 'is not the hash that was signed');
      if (zkey.sha256 !== message.zkeySha256) return refuseField('/zkey/sha256', 'is not the hash that was signed');
      const checked = await commands.check('CircuitRegistration', { message, signature }, message.registrant, null);
      if (checked instanceof Refused) return checked;
      const key = await deps.verifier.checkVerificationKey(verificationKey);
      if (!key.ok) return refuse('invalidVerificationKey', `${key.code}: ${key.detail}`);
      if (key.protocol !== protocol) return refuse('invalidVerificationKey', `the key is one of ${key.protocol}`);
      if (key.circuitId !== message.circuitId) {
        return refuse('invalidVerificationKey', `the id of the key is ${key.circuitId}, not the one that was signed`);
      }
      const circuit: Circuit = {
        circuitId: key.circuitId,
        name: message.name,
        // Blocks are cut by the coordinator's own rules, so only the market itself brings circuits for blocks.
        kind: 'generic',
        protocol,
        signalCount: key.nPublic,
        verificationKey: key.verificationKey as unknown as Circuit['verificationKey'],
        wasm,
        zkey,
        samples: [],
      };
      const registration = { message, signature };
      return await commands.execute({ kind: 'registerCircuit', circuit, registration }, checked.digest);
    },

    getArtifact: async ({ params }, { request, reply }) => {
      const path = deps.artifacts.pathOf(params.sha256);
      return path === null ? refuse('notFound') : await sendArtifact(path, params.sha256, request, reply);
    },
  };
}
