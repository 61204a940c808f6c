pragma circom 2.1.6;

include "circomlib/circuits/babyjub.circom";
include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/comparators.circom";
include "circomlib/circuits/eddsaposeidon.circom";
include "circomlib/circuits/poseidon.circom";
include "accountLeaf.circom";
include "quaternaryPath.circom";

// One transfer: takes the tree from preRoot to postRoot, first the sender's side, then the receiver's, so that a
// transfer to oneself needs no rule of its own. With enabled = 0 postRoot is preRoot; signature and roots are then not
// compared, all other rules hold and are met by padding values. enabled must be 0 or 1: the caller sees to it.
template AppliedTransfer(levels) {
    signal input enabled;
    signal input preRoot;
    signal input from;
    signal input to;
    signal input amount;
    signal input nonce;
    signal input signatureR8[2];
    signal input signatureS;
    signal input senderKey[2];
    signal input senderBalance;
    signal input senderNonce;
    signal input senderSiblings[levels][3];
    signal input receiverKey[2];
    signal input receiverBalance;
    signal input receiverNonce;
    signal input receiverSiblings[levels][3];
    signal output postRoot;
    signal output transferHash;

    // Ranges: indices within the tree, everything else 64 bits, so that no sum below comes near the field's modulus.
    component fromBits = Num2Bits(2 * levels);
    fromBits.in <== from;
    component toBits = Num2Bits(2 * levels);
    toBits.in <== to;
    Bits64()(amount);
    Bits64()(senderBalance);
    Bits64()(senderNonce);
    Bits64()(receiverBalance);
    Bits64()(receiverNonce);

    // Nonce: the transfer's is the account's, and the next one must still fit.
    nonce === senderNonce;
    signal nextNonce <== senderNonce + 1;
    Bits64()(nextNonce);

    // Balance: no overdraft, no overflow.
    signal debited <== senderBalance - amount;
    Bits64()(debited);
    signal credited <== receiverBalance + amount;
    Bits64()(credited);

    // Signature. Both points must be on the curve: the addition formulas are complete there and only there.
    // "understudy.transfer.1" in ASCII, big-endian, sets the message apart from all else that a key may sign.
    transferHash <== Poseidon(5)([171625919464312651683535920060769978248905001938481, from, to, amount, nonce]);
    BabyCheck()(senderKey[0], senderKey[1]);
    BabyCheck()(signatureR8[0], signatureR8[1]);
    component signature = EdDSAPoseidonVerifier();
    signature.enabled <== enabled;
    signature.Ax <== senderKey[0];
    signature.Ay <== senderKey[1];
    signature.R8x <== signatureR8[0];
    signature.R8y <== signatureR8[1];
    signature.S <== signatureS;
    signature.M <== transferHash;

    // Sender: the account is in the tree at preRoot, and is replaced there.
    component sender = QuaternaryPaths(levels);
    sender.indexBits <== fromBits.out;
    sender.siblings <== senderSiblings;
    sender.leaves[0] <== AccountLeaf()(senderKey, senderBalance, senderNonce);
    sender.leaves[1] <== AccountLeaf()(senderKey, debited, nextNonce);
    ForceEqualIfEnabled()(enabled, [sender.roots[0], preRoot]);

    // Receiver: the account is in the tree that the sender's side left, and is replaced there.
    component receiver = QuaternaryPaths(levels);
    receiver.indexBits <== toBits.out;
    receiver.siblings <== receiverSiblings;
    receiver.leaves[0] <== AccountLeaf()(receiverKey, receiverBalance, receiverNonce);
    receiver.leaves[1] <== AccountLeaf()(receiverKey, credited, receiverNonce);
    ForceEqualIfEnabled()(enabled, [receiver.roots[0], sender.roots[1]]);

    postRoot <== preRoot + enabled * (receiver.roots[1] - preRoot);
}

// Holds when 0 <= in < 2 ** 64.
template Bits64() {
    signal input in;
    component bits = Num2Bits(64);
    bits.in <== in;
}
