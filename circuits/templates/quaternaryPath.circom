pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// The roots of two trees that differ in one leaf: roots[j] is the root with leaves[j] at the place that indexBits
// names (least significant first, two bits a level, the level of the leaves first). siblings[l] are the three other
// children of the parent at level l, in order. One set of siblings and of selectors for both roots is what makes
// replacing a leaf change nothing else.
template QuaternaryPaths(levels) {
    signal input indexBits[2 * levels];
    signal input siblings[levels][3];
    signal input leaves[2];
    signal output roots[2];

    component place[levels];
    signal nodes[levels + 1][2];
    nodes[0] <== leaves;
    for (var l = 0; l < levels; l++) {
        place[l] = PlacedChildren();
        place[l].bits <== [indexBits[2 * l], indexBits[2 * l + 1]];
        place[l].siblings <== siblings[l];
        place[l].nodes <== nodes[l];
        for (var j = 0; j < 2; j++) {
            nodes[l + 1][j] <== Poseidon(4)(place[l].children[j]);
        }
    }
    roots <== nodes[levels];
}

// children[j] is siblings with nodes[j] inserted at place bits[0] + 2 * bits[1]. Both bits must be bits: the caller
// sees to it.
template PlacedChildren() {
    signal input bits[2];
    signal input siblings[3];
    signal input nodes[2];
    signal output children[2][4];

    // at[k] is 1 when the node's place is k.
    signal both <== bits[0] * bits[1];
    signal at[4];
    at[0] <== 1 - bits[0] - bits[1] + both;
    at[1] <== bits[0] - both;
    at[2] <== bits[1] - both;
    at[3] <== both;

    // Where the siblings come to stand, with 0 at the node's place; the last one is what is left of their sum.
    signal rest[4];
    rest[0] <== siblings[0] - at[0] * siblings[0];
    rest[3] <== siblings[2] - at[3] * siblings[2];
    // Place 1 holds the second sibling, unless the node stands before it (then the first moved there) or on it.
    signal first <== at[0] * siblings[0];
    signal second <== (at[2] + at[3]) * siblings[1];
    rest[1] <== first + second;
    rest[2] <== siblings[0] + siblings[1] + siblings[2] - rest[0] - rest[1] - rest[3];

    signal placed[2][4];
    for (var j = 0; j < 2; j++) {
        placed[j][0] <== at[0] * nodes[j];
        placed[j][1] <== at[1] * nodes[j];
        placed[j][3] <== at[3] * nodes[j];
        placed[j][2] <== nodes[j] - placed[j][0] - placed[j][1] - placed[j][3];
        for (var k = 0; k < 4; k++) {
            children[j][k] <== rest[k] + placed[j][k];
        }
    }
}
