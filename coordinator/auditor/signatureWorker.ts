/** A thread that checks signatures: gets claims, answers with those that do not hold. */
import { parentPort } from 'node:worker_threads';
import { checkClaims, loadSecp256k1 } from './signatureBatch.js';
import type { PlacedClaim, WrongSignature } from './signatureChecker.js';

parentPort?.on('message', (claims: PlacedClaim[]) => {
  void loadSecp256k1().then(() => {
    const codes = checkClaims(claims);
    const wrong = claims.flatMap(({ index, account }, place): WrongSignature[] => {
      const code = codes[place];
      return code ? [{ index, account, code }] : [];
    });
    parentPort?.postMessage(wrong);
  });
});
