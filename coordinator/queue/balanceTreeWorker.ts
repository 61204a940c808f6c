/** A thread that makes one balance tree. Its data are the entitlements, its only message is the tree. */
import { parentPort, workerData } from 'node:worker_threads';
import { packEntitlements, packedBalanceTree } from '#protocol/packedBalanceTree.js';
import type { Address } from '#protocol/units.js';

const tree = packedBalanceTree(packEntitlements(workerData as Map<Address, bigint>));
parentPort?.postMessage(tree, [tree.entitlements.buffer, ...tree.levels.map(({ buffer }) => buffer)]);
