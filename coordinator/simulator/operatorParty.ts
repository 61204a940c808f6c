/** The operator: changes the parameters and rotates the log now and then, while rounds are open and jobs run. */

import type { CommandOf } from '#market/command.js';
import { type MarketState, parametersOf } from '#market/state.js';
import { logNameOf } from './logSigner.js';
import { everyNowAndThen, type World } from './world.js';

const CHANGE_EVERY_MS = 40_000;
const ROTATE_EVERY_MS = 60_000;

/** @param execute - hands a command to the coordinator's process, if there is one */
export function startOperator(
  world: World,
  execute: (change: (state: MarketState) => CommandOf<'setParameters' | 'closeLog'>) => void,
): void {
  everyNowAndThen(world, 'operator', CHANGE_EVERY_MS, () => {
    if (!world.fate.chance('operator acts', 50)) return;
    execute((state) => {
      const pick = <Value>(what: string, values: readonly Value[]) => world.fate.pick(`operator ${what}`, values);
      const parameters = {
        ...parametersOf(state),
        leaseMs: pick('lease', [3_000, 6_000, 10_000]),
        lateBps: pick('late', [0, 2_000, 5_000]),
        lateDamageBps: pick('damage', [0, 2_000, 4_000]),
        slashRescuerBps: pick('rescuer', [0, 5_000, 10_000]),
        bidForfeitBps: pick('forfeit', [0, 500, 1_000]),
        bidRevealMs: pick('reveal', [5_000, 8_000]),
        invalidProofsMax: pick('invalid', [1, 2, 3]),
      };
      return { kind: 'setParameters', version: state.parametersVersion + 1, parameters, reason: 'drawn' };
    });
  });
  everyNowAndThen(world, 'rotation', ROTATE_EVERY_MS, () => {
    if (!world.fate.chance('operator rotates', 50)) return;
    const nextOf = ({ earlierLogs }: MarketState) => logNameOf(earlierLogs.length + 1);
    execute((state) => ({ kind: 'closeLog', next: nextOf(state), reason: 'drawn' }));
  });
}
