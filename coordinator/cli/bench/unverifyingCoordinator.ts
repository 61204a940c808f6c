/**
 * A coordinator that takes every zkProof for valid, for the one measurement that is not about checking them. Started
 * with its settings as JSON; ends with whoever started it. It is no command and cannot be configured: the verifier's
 * stand-in is put in here and nowhere else.
 */
import { checkConfig } from '../../config.js';
import { startCoordinator } from '../../main.js';

/** What the process says when its API listens. */
export interface UnverifyingCoordinatorUp {
  url: string;
}

if (process.send) {
  const config = checkConfig(JSON.parse(process.argv[2]!));
  const coordinator = await startCoordinator(config, { verify: async () => ({ valid: true }) });
  process.once('disconnect', () => void coordinator.close().finally(() => process.exit(0)));
  const up: UnverifyingCoordinatorUp = { url: coordinator.url };
  process.send(up);
}
