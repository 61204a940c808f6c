import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Abi } from 'viem';
import { itemWords } from '#protocol/jobSet.js';
import type { Groth16VerificationKey } from '#protocol/verificationKey.js';
import { compileContracts } from '#settlement/contracts/compileContracts.js';
import type { GasMarket } from './gasMarket.js';
import type { Submission } from './zkProofSamples.js';

/** Who would settle one zkProof a transaction: asks the exported verifier, and marks the job as settled by a bit. */
const SETTLE_ONE = (signals: number) => `
// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;
import {Groth16Verifier} from "./Verifier.sol";
contract SettleOne {
    Groth16Verifier private immutable verifier = new Groth16Verifier();
    mapping(uint256 word => uint256) private bits;
    function settle(
        uint256 index, uint256[2] calldata a, uint256[2][2] calldata b, uint256[2] calldata c, uint256[${signals}] calldata s
    ) external {
        require(bits[index >> 8] & (1 << (index & 0xff)) == 0);
        require(verifier.verifyProof(a, b, c, s));
        bits[index >> 8] |= 1 << (index & 0xff);
    }
}`;

/** Gas of one zkProof in a transaction of its own, by the Solidity verifier that snarkjs exports for a key. */
export async function snarkjsVerifierGas(
  market: GasMarket,
  verificationKey: Groth16VerificationKey,
  { publicSignals, zkProof }: Submission,
): Promise<number> {
  const ofSnarkjs = createRequire(createRequire(import.meta.url).resolve('snarkjs'));
  const ejs = ofSnarkjs('ejs') as { render(template: string, data: object): string };
  // The package's main file lies in build/, the templates beside that folder.
  const template = join(dirname(ofSnarkjs.resolve('snarkjs')), '..', 'templates', 'verifier_groth16.sol.ejs');
  const contracts = compileContracts({
    'Verifier.sol': ejs.render(readFileSync(template, 'utf8'), verificationKey),
    'SettleOne.sol': SETTLE_ONE(publicSignals.length),
  });
  const { abi, bytecode } = contracts.SettleOne!;
  const { address } = await market.deploy(abi as unknown as Abi, bytecode);
  const words = itemWords(zkProof, publicSignals, {
    payee: '0x0000000000000000000000000000000000000000',
    amountWei: 0n,
  });
  const [a, b, c] = [words.slice(0, 2), [words.slice(2, 4), words.slice(4, 6)], words.slice(6, 8)];
  // The second of a word of bits: the first pays for the word.
  await market.gasOf(abi as unknown as Abi, address, 'settle', [0n, a, b, c, words.slice(8, -1)]);
  return market.gasOf(abi as unknown as Abi, address, 'settle', [1n, a, b, c, words.slice(8, -1)]);
}
