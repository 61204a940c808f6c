import { createPrivateKey } from 'node:crypto';
import { operatorKeyOf } from '#journal/operatorKey.js';

/** What stands before the 32 bytes of an Ed25519 private key in PKCS #8. */
const PKCS8_PREFIX = '302e020100300506032b657004220420';

/** The operator of test markets: the same key in every run, as in the protocol page's example market. */
export const OPERATOR = operatorKeyOf(
  createPrivateKey({ key: Buffer.from(PKCS8_PREFIX + '07'.repeat(32), 'hex'), format: 'der', type: 'pkcs8' }),
  'test.example/market',
);
