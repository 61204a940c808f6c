import { createPrivateKey } from 'node:crypto';
import { type OperatorKey, type OperatorKeys, operatorKeyOf } from '#journal/operatorKey.js';

/** What stands before the 32 bytes of an Ed25519 private key in PKCS #8. */
const PKCS8_PREFIX = '302e020100300506032b657004220420';

/** The operator of test markets: the same key in every run, as in the protocol page's example market. */
export const OPERATOR = operatorOf('07');

/** Somebody else, who runs a market of the same name. */
export const OTHER_OPERATOR = operatorOf('08');

function operatorOf(byte: string) {
  const key = Buffer.from(PKCS8_PREFIX + byte.repeat(32), 'hex');
  return operatorKeyOf(createPrivateKey({ key, format: 'der', type: 'pkcs8' }), 'test.example/market');
}

/** The same key for every log of a test market, of {@link OPERATOR} or another. */
export function keysOf(operator: OperatorKey): OperatorKeys {
  return {
    of: ({ origin, logKey }) => {
      const key = operator.under(origin);
      return key.logKey === logKey ? key : null;
    },
  };
}
