import { z } from 'zod';
import { addressSchema, labelSchema } from '#protocol/units.js';
import { filePath, setting, yesNo } from './setting.js';

const coordinatorUrl = z
  .url({ protocol: /^https?$/, error: 'must be the address of a coordinator, such as http://127.0.0.1:8787' })
  .max(256)
  .transform((text) => text.replace(/\/+$/, ''));

/** Which market the agent works for, and as whom: `[market]` and `[key]`. */
export const IDENTITY_SETTINGS = {
  coordinator: setting(
    {
      key: 'market.coordinator',
      flag: '--coordinator <url>',
      says: 'Where the market is.',
      range: 'an address with http or https',
      example: '"http://127.0.0.1:8787"',
    },
    coordinatorUrl,
  ),
  name: setting(
    {
      key: 'market.name',
      flag: '--name <name>',
      says: 'What people see of this prover.',
      range: '1 to 64 characters',
      example: '"workshop"',
    },
    labelSchema.default('prover'),
  ),
  pool: setting(
    {
      key: 'market.pool',
      flag: '--no-pool',
      says: 'Take part in the pool: prove what nobody bought, or what both sides failed at.',
    },
    yesNo().default(true),
  ),
  keyFile: setting(
    {
      key: 'key.file',
      flag: '--key-file <file>',
      says: 'The prover’s key: an Ethereum keystore (version 3), or `{ "privateKey": "0x.." }`, which others may not read. Made (mode 0600) when missing. Or set UNDERSTUDY_KEY to the key itself.',
      range: 'a file',
      example: '"prover.json"',
      isPath: true,
    },
    filePath().nullable().default(null),
  ),
  passwordFile: setting(
    {
      key: 'key.password_file',
      flag: '--password-file <file>',
      says: 'A file with the keystore’s password, which others may not read. Or set UNDERSTUDY_KEY_PASSWORD; else it is asked for at the terminal.',
      range: 'a file',
      example: '"prover.password"',
      isPath: true,
    },
    filePath().nullable().default(null),
  ),
  owner: setting(
    {
      key: 'key.owner',
      flag: '--owner <address>',
      says: 'The account that owns this prover. A job’s primary and backup never have the same owner.',
      range: '0x and 40 hexadecimal digits',
      defaultText: 'the prover',
      example: '"0x1f9840a85d5af5bf1d1762f925bdaddc4201f984"',
    },
    addressSchema.nullable().default(null),
  ),
  ownerKeyFile: setting(
    {
      key: 'key.owner_file',
      flag: '--owner-key-file <file>',
      says: 'The owner’s key file, when it is on this machine: signs the registration, needed once. A keystore’s password is in UNDERSTUDY_OWNER_PASSWORD, or is asked for.',
      range: 'a file',
      example: '"owner.json"',
      isPath: true,
    },
    filePath().nullable().default(null),
  ),
};
