import { add, dbl, Fp2, G2, mul, sqr, squareRoot } from 'mcl-wasm';
import { loadBn254 } from '#verifier/bn254.js';

await loadBn254();

/** Order of BN254's groups. */
export const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
/** Base field modulus. */
export const Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
/** The twist has R * COFACTOR points over Fq2. */
export const COFACTOR = 2n * Q - R;
/** The smallest prime factor of the cofactor: the hardest stray points to notice by chance. */
export const SMALLEST_COFACTOR_PRIME = 10069n;

function fp2(c0: bigint, c1: bigint): Fp2 {
  const value = new Fp2();
  value.setStr(`${c0} ${c1}`, 10);
  return value;
}

/** 3 / (9 + u): the constant of the twist's equation. */
const TWIST_B = fp2(
  19485874751759354771024239261021720505790618469301721065564631296452457478373n,
  266929791119991161246907387137283842545076965332900288569378510910307636690n,
);

/** A point on the twist with its x at or after (seed, 1); chance alone would put it in the subgroup once in 2^254. */
export function strayTwistPoint(seed: bigint): G2 {
  for (let c0 = seed; ; c0++) {
    const x = fp2(c0, 1n);
    const [isSquare, y] = squareRoot(addFp2(mul(sqr(x), x), TWIST_B));
    if (!isSquare) continue;
    const point = new G2();
    point.setStr(`1 ${x.getStr(10)} ${y.getStr(10)}`, 10);
    return point;
  }
}

const addFp2 = (a: Fp2, b: Fp2): Fp2 => add(a, b);

/** scalar * point by double and add: right on the whole twist, where mcl's own multiplication is not. */
export function multiplyPlainly(point: G2, scalar: bigint): G2 {
  let result = new G2();
  for (const bit of scalar.toString(2)) {
    result = dbl(result);
    if (bit === '1') result = add(result, point);
  }
  return result;
}
