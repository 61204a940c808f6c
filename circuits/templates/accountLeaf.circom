pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// The leaf of an account. An empty place of the tree is the leaf 0, which is no account's hash.
template AccountLeaf() {
    signal input key[2];
    signal input balance;
    signal input nonce;
    signal output out;
    out <== Poseidon(4)([key[0], key[1], balance, nonce]);
}
