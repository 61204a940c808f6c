import { PARAMETERS_REASON_MAX, parametersFlaw, parametersSchema } from '#protocol/parameters.js';
import { reject } from '#protocol/rejections.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import type { MarketState } from '../state.js';

/**
 * Puts a new version of the parameters in force, for whatever begins from now on: open rounds, and all that follows from
 * them, keep to the version that they opened under. The operator's command; no party can send it.
 */
export function setParameters(state: MarketState, command: CommandOf<'setParameters'>, nowMs: number): Decision {
  const { version, reason } = command;
  const dueVersion = state.parametersVersion + 1;
  if (!state.market) return reject('badRequest', 'the market is not open yet');
  if (version !== dueVersion) return reject('badRequest', `the next version is ${dueVersion}, not ${version}`);
  if (reason.length < 1 || reason.length > PARAMETERS_REASON_MAX) {
    return reject('badRequest', `the reason must have 1 to ${PARAMETERS_REASON_MAX} characters`);
  }
  const parsed = parametersSchema.safeParse(command.parameters);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return reject('badRequest', `${path.join('.') || 'parameters'}: ${message}`);
  }
  const flaw = parametersFlaw(parsed.data);
  if (flaw) return reject('badRequest', flaw);
  return accept({ type: 'parametersSet', atMs: nowMs, version, parameters: parsed.data, reason });
}
