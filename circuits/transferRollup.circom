pragma circom 2.1.6;

// A chunk of a rollup of transfers: the statement is "these transfers, applied in this order, lead from preStateRoot
// to postStateRoot". README.md tells it rule by rule. Included files of circomlib are found with `-l node_modules`.

include "circomlib/circuits/poseidon.circom";
include "templates/appliedTransfer.circom";

// levels: depth of the account tree, 4 ** levels accounts; transfersMax: transfers a chunk, padding included.
template TransferRollup(levels, transfersMax) {
    // The public signals, in this order.
    signal input preStateRoot;
    signal input postStateRoot;
    signal input transfersCommitment;

    // 1 for a transfer, 0 for padding.
    signal input enabled[transfersMax];

    // The transfer as its sender signed it.
    signal input from[transfersMax];
    signal input to[transfersMax];
    signal input amount[transfersMax];
    signal input nonce[transfersMax];
    signal input signatureR8[transfersMax][2];
    signal input signatureS[transfersMax];

    // The sender's account before the transfer.
    signal input senderKey[transfersMax][2];
    signal input senderBalance[transfersMax];
    signal input senderNonce[transfersMax];
    signal input senderSiblings[transfersMax][levels][3];

    // The receiver's account after the sender's side was written and before its own.
    signal input receiverKey[transfersMax][2];
    signal input receiverBalance[transfersMax];
    signal input receiverNonce[transfersMax];
    signal input receiverSiblings[transfersMax][levels][3];

    // A chunk holds at least one transfer, and padding stands behind all transfers.
    enabled[0] === 1;
    for (var i = 1; i < transfersMax; i++) {
        enabled[i] * (1 - enabled[i]) === 0;
        enabled[i] * (1 - enabled[i - 1]) === 0;
    }

    signal roots[transfersMax + 1];
    signal commitments[transfersMax + 1];
    roots[0] <== preStateRoot;
    // "understudy.transfers.1" in ASCII, big-endian: no other hash of this project starts with it.
    commitments[0] <== 43936235382864038830985195535557114431719680500772401;

    component applied[transfersMax];
    component link[transfersMax];
    for (var i = 0; i < transfersMax; i++) {
        applied[i] = AppliedTransfer(levels);
        applied[i].enabled <== enabled[i];
        applied[i].preRoot <== roots[i];
        applied[i].from <== from[i];
        applied[i].to <== to[i];
        applied[i].amount <== amount[i];
        applied[i].nonce <== nonce[i];
        applied[i].signatureR8 <== signatureR8[i];
        applied[i].signatureS <== signatureS[i];
        applied[i].senderKey <== senderKey[i];
        applied[i].senderBalance <== senderBalance[i];
        applied[i].senderNonce <== senderNonce[i];
        applied[i].senderSiblings <== senderSiblings[i];
        applied[i].receiverKey <== receiverKey[i];
        applied[i].receiverBalance <== receiverBalance[i];
        applied[i].receiverNonce <== receiverNonce[i];
        applied[i].receiverSiblings <== receiverSiblings[i];
        roots[i + 1] <== applied[i].postRoot;

        // Padding enters the chain as 0, which is no transfer's hash: so the commitment covers the flag, and nobody
        // can skip a transfer under the commitment that names it.
        link[i] = Poseidon(2);
        link[i].inputs[0] <== commitments[i];
        link[i].inputs[1] <== enabled[i] * applied[i].transferHash;
        commitments[i + 1] <== link[i].out;
    }

    postStateRoot === roots[transfersMax];
    transfersCommitment === commitments[transfersMax];
}

component main {public [preStateRoot, postStateRoot, transfersCommitment]} = TransferRollup(8, 2);
