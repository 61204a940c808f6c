import { acceptSchema } from '../proving/acceptance.js';
import { setting, wholeNumber } from './setting.js';

/** Which circuits are served, and what their files and zkProofs may take: `[circuits]`. */
export const CIRCUIT_SETTINGS = {
  accept: setting(
    {
      key: 'circuits.accept',
      flag: '--accept <rule>',
      says: 'Which circuits are served: those that any of the rules names. Names are chosen by whoever registers a circuit. The flag may be given several times.',
      range:
        'a circuit’s id or name, `kind:transferRollup` (the market’s own), `kind:generic` (of requesters), `protocol:groth16`, `protocol:plonk`, `protocol:fflonk`, `*` (all); up to 256',
      example: '["kind:transferRollup", "protocol:plonk"]',
    },
    acceptSchema,
  ),
  zkeyMaxMb: setting(
    {
      key: 'circuits.zkey_max_mb',
      flag: '--zkey-max <mb>',
      says: 'Pass circuits by whose proving key is larger, in MiB.',
    },
    wholeNumber(1, 1_048_576).default(512),
  ),
  cacheMb: setting(
    {
      key: 'circuits.cache_mb',
      flag: '--cache <mb>',
      says: 'The most that downloaded files may take on the disk, in MiB. Those unused for the longest go first, none that is in use.',
    },
    wholeNumber(1, 1_048_576).default(4_096),
  ),
  memoryMb: setting(
    {
      key: 'circuits.memory_mb',
      flag: '--memory <mb>',
      says: 'Memory for proving, in MiB: circuits that need more are passed by, and a proof is ended when the agent has more in use. External programs may take a share each, by slots.',
      range: '128 to 1048576',
      defaultText: '80 % of the machine’s, or of the container’s',
      example: '2048',
    },
    wholeNumber(128, 1_048_576).nullable().default(null),
  ),
  restAfterMs: setting(
    {
      key: 'circuits.rest_after_ms',
      flag: '--rest-after <ms>',
      says: 'Free the memory of provers when nothing was to do for so long, in milliseconds; they wake with the next bid. 0: never.',
    },
    wholeNumber(0, 86_400_000).default(30_000),
  ),
};
