import type { Challenge } from '#market/state.js';
import { recordKey } from '#market/state.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Hex } from '#protocol/units.js';
import type { CircuitView } from '#protocol/views.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { Refused, refuse } from '../refused.js';
import { readContent } from '../zkProofContent.js';

type ChallengeRoutes = 'getSample' | 'requestChallenge' | 'submitChallenge' | 'listChallenges';

/** Challenge jobs: drawn, served, delivered. */
export function challengeHandlers(deps: ApiDeps, reads: MarketReads, commands: Commands): Handlers<ChallengeRoutes> {
  const circuitOf = async (circuitId: Hex): Promise<CircuitView | null> =>
    deps.journal.state().circuits.get(circuitId) ?? (await reads.circuit(circuitId));
  return {
    getSample: async ({ params: { circuitId, index } }) => {
      const circuit = await circuitOf(circuitId);
      if (!circuit) return refuse('unknownCircuit', `${circuitId} is not registered`);
      const sample = circuit.samples[index];
      const input = sample && (deps.sampleInput(sample.inputHash) ?? deps.shelf.sampleInput(sample.inputHash));
      return input
        ? { ...sample, input: input as never }
        : refuse('notFound', `it has ${circuit.samples.length} samples`);
    },

    requestChallenge: async ({ body: { message, signature } }) => {
      const checked = await commands.check('ChallengeRequest', { message, signature }, message.prover, null);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      const accepted = await commands.execute({ kind: 'requestChallenge', message, signature, digest }, digest);
      if (accepted instanceof Refused) return accepted;
      const [row] = await deps.journal.readEntries(accepted.firstIndex, 1);
      const { sampleIndex, dueMs } = JSON.parse(row!.leaf) as EntryOf<'challengeIssued'>;
      return { ...accepted, sampleIndex, dueMs };
    },

    submitChallenge: async ({ body: { message, signature, publicSignals, zkProof } }) => {
      const { prover, circuitId, challengeId } = message;
      const circuit = await circuitOf(circuitId);
      const challenge = await newestChallenge(deps, reads, message);
      const sample = challenge?.challengeId === challengeId ? circuit?.samples[challenge.sampleIndex] : undefined;
      if (!circuit || !sample) return refuse('challengeOver', 'it is not the newest');
      const content = readContent(message.contentHash, sample.publicSignals, circuit.protocol, {
        publicSignals,
        zkProof,
      });
      if (content instanceof Refused) return content;
      const checked = await commands.check('ChallengeSubmission', { message, signature }, prover, null);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      const command = { kind: 'submitChallenge' as const, message, signature, digest };
      return await commands.execute(command, digest, { challengeProof: content });
    },

    listChallenges: async ({ params }) => ({ challenges: await reads.challenges(params.address) }),
  };
}

/** What the live state does not know yet may come from another replica. */
async function newestChallenge(
  { journal }: ApiDeps,
  reads: MarketReads,
  { prover, circuitId, challengeId }: Pick<Challenge, 'prover' | 'circuitId' | 'challengeId'>,
): Promise<Challenge | undefined> {
  const known = journal.state().challenges.get(recordKey(prover, circuitId));
  if (known?.challengeId === challengeId) return known;
  return (await reads.challenges(prover)).find((one) => one.circuitId === circuitId);
}
