import { appendLeaf, emptyFrontier, type Frontier, leafHash, type ReadNode, rootOf } from '#protocol/log/merkleTree.js';

/** A log held in memory, with all that it was at every size. */
export interface GrownTree {
  leafHashes: Uint8Array[];
  /** By size, from 0. */
  roots: Uint8Array[];
  frontier: Frontier;
  /** Knows the complete nodes only; throws for any other. */
  readNode: ReadNode;
  /** `level/index` of every complete node. */
  positions: Set<string>;
}

/** Grows a log from entries, one appendLeaf at a time. */
export function growTree(entries: readonly Uint8Array[]): GrownTree {
  const nodes = new Map<string, Uint8Array>();
  const leafHashes = entries.map(leafHash);
  let frontier = emptyFrontier();
  const roots = [rootOf(frontier)];
  for (const hash of leafHashes) {
    const appended = appendLeaf(frontier, hash);
    for (const node of appended.completed) {
      if (nodes.has(`${node.level}/${node.index}`)) throw new Error(`node ${node.level}/${node.index} completed twice`);
      nodes.set(`${node.level}/${node.index}`, node.hash);
    }
    frontier = appended.frontier;
    roots.push(rootOf(frontier));
  }
  const readNode: ReadNode = (level, index) => {
    const hash = nodes.get(`${level}/${index}`);
    if (!hash) throw new Error(`no complete node ${level}/${index}`);
    return hash;
  };
  return { leafHashes, roots, frontier, readNode, positions: new Set(nodes.keys()) };
}

/** Different short entries for a log of a given size. */
export function someEntries(size: number): Uint8Array[] {
  return Array.from({ length: size }, (_, i) => new TextEncoder().encode(`entry ${i}`));
}
