/** Inclusion and consistency proofs of the market's logs, read from the stored tiles: a handful of rows, whatever the length of the log. */
import type { Pool } from 'pg';
import { consistencyProof, nodesForConsistencyProof } from '#protocol/log/consistencyProof.js';
import { inclusionProof, nodesForInclusionProof } from '#protocol/log/inclusionProof.js';
import { completeNodesOf, frontierFromNodes, type NodePosition, rootOf } from '#protocol/log/merkleTree.js';
import { hashFromTile, TILE_WIDTH, tileOfNode, tilesForNodes } from '#protocol/log/tiles.js';

const HASH_BYTES = 32;

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Hashes of an inclusion proof, leaf first, in hexadecimal; null when the log's tree of that size has no such leaf. */
export async function readInclusionProof(
  pool: Pool,
  log: number,
  index: number,
  treeSize: number,
): Promise<{ leafHash: string; path: string[] } | null> {
  if (index < 0 || index >= treeSize || treeSize > (await sizeOf(pool, log))) return null;
  const leaf = { level: 0, index };
  const readNode = await readNodes(pool, log, [leaf, ...nodesForInclusionProof(index, treeSize)], treeSize);
  return {
    leafHash: hex(readNode(0, index)),
    path: inclusionProof(index, treeSize, readNode).map(hex),
  };
}

/** Hashes of a consistency proof in hexadecimal; null when a size is not within the log. */
export async function readConsistencyProof(
  pool: Pool,
  log: number,
  fromSize: number,
  toSize: number,
): Promise<string[] | null> {
  if (fromSize < 0 || fromSize > toSize || toSize > (await sizeOf(pool, log))) return null;
  const readNode = await readNodes(pool, log, nodesForConsistencyProof(fromSize, toSize), toSize);
  return consistencyProof(fromSize, toSize, readNode).map(hex);
}

/** Root hash of the first log at an earlier size, in hexadecimal; null when it is not within the log. */
export async function readRootHash(pool: Pool, treeSize: number): Promise<string | null> {
  if (treeSize < 1 || treeSize > (await sizeOf(pool, 0))) return null;
  const readNode = await readNodes(pool, 0, completeNodesOf(0, treeSize), treeSize);
  return hex(rootOf(frontierFromNodes(treeSize, readNode)));
}

/** Leaves of a log's tree: all that have their hash in a tile. */
async function sizeOf(pool: Pool, log: number): Promise<number> {
  const { rows } = await pool.query<{ index: string; bytes: number }>(
    `SELECT index, length(hashes) AS bytes FROM log_tiles WHERE log_number = $1 AND level = 0
     ORDER BY index DESC LIMIT 1`,
    [log],
  );
  return rows[0] ? Number(rows[0].index) * TILE_WIDTH + rows[0].bytes / HASH_BYTES : 0;
}

/** Fetches the tiles that hold the nodes in one query. */
async function readNodes(
  pool: Pool,
  log: number,
  nodes: NodePosition[],
  treeSize: number,
): Promise<(level: number, index: number) => Uint8Array> {
  const tiles = tilesForNodes(nodes, treeSize);
  const { rows } = await pool.query<{ level: number; index: string; hashes: Buffer }>(
    `SELECT t.level, t.index, t.hashes FROM log_tiles t
     JOIN unnest($1::int[], $2::bigint[]) AS wanted(level, index) USING (level, index)
     WHERE t.log_number = $3`,
    [tiles.map(({ level }) => level), tiles.map(({ index }) => index), log],
  );
  const bytesOf = new Map(rows.map(({ level, index, hashes }) => [`${level}/${index}`, new Uint8Array(hashes)]));
  return (level, index) => {
    const tile = tileOfNode({ level, index }, treeSize);
    const bytes = bytesOf.get(`${tile.level}/${tile.index}`);
    if (!bytes) throw new Error(`tile ${tile.level}/${tile.index} of the log is missing`);
    return hashFromTile(tile, bytes.slice(0, tile.width * 32), { level, index });
  };
}
