/** A thread that checks signatures: gets claims, answers with those that do not hold. */
import { parentPort } from 'node:worker_threads';
import { checkSigner } from '#protocol/signature.js';
import type { PlacedClaim, WrongSignature } from './signatureChecker.js';

parentPort?.on('message', (claims: PlacedClaim[]) => {
  const wrong: WrongSignature[] = [];
  for (const { index, digest, signature, account } of claims) {
    const code = checkSigner(digest, signature, account);
    if (code) wrong.push({ index, account, code });
  }
  parentPort?.postMessage(wrong);
});
